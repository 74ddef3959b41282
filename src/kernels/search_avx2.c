#define SEARCH_LOOP kv_search_avx2
#include "kernels/search_body.h"
