#define SEARCH_LOOP kv_search_avx2
#include "kernels/order/search_body.h"
