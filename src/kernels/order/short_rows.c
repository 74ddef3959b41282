/* Which instruction set sorts short rows. */
#include "kernels/order/short_rows.h"

#include "kernels/kernels.h"

const kv_short_sorts *kv_short_sorts_of(int64_t n) {
  const kv_short_sorts *sorts = &KV_BEST(kv_short_sorts);
  return n <= KV_SHORT_ROW && sorts->values ? sorts : NULL;
}
