/* A minimum cut: every point goes to the left or to the right so that the arcs from left to right weigh least. */
#ifndef KVINO_PASSES_MINCUT_H
#define KVINO_PASSES_MINCUT_H

#include "kvino/common.h"

typedef struct kv_cut kv_cut;

enum { KV_CUT_LEFT = 0, KV_CUT_RIGHT = 1 }; /* the two points that are fixed; there from the start */
#define KV_CUT_NEVER (INT64_MAX / 4)        /* the weight of an arc that must not be cut */

kvino_status kv_cut_new(kv_cut **out, kvino_error *err);
void kv_cut_free(kv_cut *c);
/* A new point: *point is its number. */
kvino_status kv_cut_point(kv_cut *c, uint32_t *point, kvino_error *err);
/* Costs `weight` where `from` is left and `to` is right. */
kvino_status kv_cut_arc(kv_cut *c, uint32_t from, uint32_t to, int64_t weight, kvino_error *err);
/* Solves; side[point] is KV_CUT_LEFT or KV_CUT_RIGHT. `side` holds one entry for each point. */
kvino_status kv_cut_solve(kv_cut *c, uint8_t *side, kvino_error *err);
uint32_t kv_cut_points(const kv_cut *c);

#endif
