#define SEARCH_LOOP kv_search_avx512
#include "kernels/search_body.h"
