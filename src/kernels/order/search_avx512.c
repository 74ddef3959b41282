#define SEARCH_LOOP kv_search_avx512
#include "kernels/order/search_body.h"
