/* Views at the end of OpenVINO's segments. */
#ifndef KVINO_ENGINE_VIEWS_H
#define KVINO_ENGINE_VIEWS_H

#include "engine/partition.h"

/* Trap: where a model ends in a reshape, OpenVINO has the memory that is given for its result be that of what is
 * reshaped, too; other users of that read what is left in the memory it had before. So where what is reshaped has other
 * users, a segment gives that, and a native one after it views it, which costs nothing. Inside of the segment the
 * reshape stays where it has users there: such a node is in both. */
kvino_status kv_views_apart(kv_partition *p, const kv_graph *g, kvino_error *err);
/* Segment k has become native: what is in it need not be in the one after it. */
void kv_views_join(kv_partition *p, size_t k);

#endif
