/* keras.ops.nn: connectionist temporal classification. */
#include <string.h>

#include "ops/common.h"

/* x in the float dtype that the results have: float32 at least. */
static kvino_tensor *wide_float(kv_scope *s, kvino_tensor *x) {
  x = kv_to_float(s, x);
  return x ? kv_cast(s, x, kv_work_dtype((kvino_dtype)x->dtype)) : NULL;
}

static bool is_batch_of_frames(kv_scope *s, const kvino_tensor *x, const char *name) {
  char text[KV_SHAPE_TEXT];
  if (!x) return false;
  if (x->rank == 3) return true;
  kv_scope_fail(s, KVINO_INVALID, "`%s` must be of shape (batch, time, classes). Received: %s.shape=%s", name, name,
                kv_shape_text(x->rank, x->shape, text));
  return false;
}

/* Negative ones count from the end: of an unknown number of classes when the graph runs. */
static bool blank_ok(kv_scope *s, const kvino_tensor *x, int64_t *blank) {
  int64_t classes = x->shape[2];
  if (classes < 0 || (*blank >= -classes && *blank < classes)) {
    if (*blank < 0 && classes >= 0) *blank += classes;
    return true;
  }
  kv_scope_fail(s, KVINO_INVALID, "mask_index %lld is out of bounds for %lld classes", (long long)*blank,
                (long long)classes);
  return false;
}

kvino_tensor *op_ctc_loss(kv_scope *s, kvino_tensor *target, kvino_tensor *output, kvino_tensor *target_length,
                          kvino_tensor *output_length, int64_t mask_index) {
  output = wide_float(s, output);
  if (!target || !is_batch_of_frames(s, output, "output") || !blank_ok(s, output, &mask_index)) return NULL;
  return kv_ctc_loss(s, output, kv_cast(s, output_length, KVINO_I32), kv_cast(s, target, KVINO_I32),
                     kv_cast(s, target_length, KVINO_I32), (kv_blank_attrs){.blank = mask_index});
}

/* The most probable class of every frame; without repetitions where `merge`, without blanks, moved to the front. */
static kvino_tensors greedy(kv_scope *s, kvino_tensor *x, kvino_tensor *lengths, bool merge, int64_t blank) {
  kv_keep_dims_attrs drop = {.keep_dims = false};
  kvino_tensor *zero = kv_int(s, KVINO_I32, 0), *one = kv_int(s, KVINO_I32, 1), *last = KV_VECTOR(s, 2);
  kvino_tensor *mask = kv_int(s, KVINO_I32, blank), *time = kv_dimension(s, x, 1);
  if (blank < 0) mask = kv_add(s, mask, kv_cast(s, kv_dimension(s, x, 2), KVINO_I32));
  kvino_tensor *place =
      kv_range(s, zero, kv_cast(s, time, KVINO_I32), one, (kv_output_type_attrs){.output_type = KVINO_I32});
  kvino_tensor *inside = kv_less(s, place, kv_unsqueeze(s, lengths, KV_VECTOR(s, 1)));
  kvino_tensor *label = kv_reduce_arg_max(s, x, last, (kv_reduce_index_attrs){.output_type = KVINO_I32});
  label = kv_select(s, inside, label, mask);
  kvino_tensor *score = kv_select(s, inside, kv_reduce_max(s, x, last, drop), kv_like(s, x, 0));
  score = kv_negative(s, kv_reduce_sum(s, score, KV_VECTOR(s, 1), (kv_keep_dims_attrs){.keep_dims = true}));
  kvino_tensor *kept = kv_not_equal(s, label, mask);
  if (merge) { /* the first frame has none before it: -1 is no class */
    kvino_tensor *earlier =
        kv_pad(s, 4, (kvino_tensor *[]){label, KV_VECTOR(s, 0, 1), KV_VECTOR(s, 0, -1), kv_int(s, KVINO_I32, -1)},
               (kv_pad_attrs){.pad_mode = "constant"});
    kept = kv_logical_and(s, kept, kv_not_equal(s, label, earlier));
  }
  /* Frame number t goes where as many stand before it as are kept before it; the others to one more place, cut off. */
  kvino_tensor *to = kv_cum_sum(s, kv_cast(s, kept, KVINO_I32), kv_int(s, KVINO_I64, 1),
                                (kv_cumsum_attrs){.exclusive = true, .reverse = false});
  to = kv_select(s, kept, to, kv_cast(s, time, KVINO_I32));
  kvino_tensor *size = kv_concat(
      s, 2,
      (kvino_tensor *[]){kv_flatten(s, kv_dimension(s, x, 0)), kv_flatten(s, kv_add(s, time, kv_int(s, KVINO_I64, 1)))},
      (kv_axis_attrs){.axis = 0});
  kvino_tensor *empty = kv_broadcast_shape(s, kv_int(s, KVINO_I32, -1), size);
  kvino_tensor *y = kv_scatter_elements_update(s, empty, to, kv_select(s, kept, label, kv_int(s, KVINO_I32, -1)),
                                               kv_int(s, KVINO_I64, 1),
                                               (kv_scatter_attrs){.reduction = "none", .use_init_val = true});
  kvino_tensor **v = kv_scope_alloc(s, 2, sizeof *v);
  if (!v) return KV_NO_TENSORS;
  v[0] = kv_unsqueeze(s, kv_cut(s, y, 1, 0, -1), KV_VECTOR(s, 0));
  v[1] = score;
  return (kvino_tensors){2, v};
}

kvino_tensors op_ctc_decode(kv_scope *s, kvino_tensor *inputs, kvino_tensor *lengths, const char *strategy,
                            int64_t beam_width, int64_t top_paths, bool merge_repeated, int64_t mask_index) {
  bool beam = strategy && !strcmp(strategy, "beam_search");
  if (!beam && (!strategy || strcmp(strategy, "greedy"))) {
    kv_scope_fail(s, KVINO_INVALID, "Invalid strategy %s. Supported values are 'greedy' and 'beam_search'.",
                  strategy ? strategy : "None");
    return KV_NO_TENSORS;
  }
  inputs = wide_float(s, inputs);
  lengths = kv_cast(s, lengths, KVINO_I32);
  if (!lengths || !is_batch_of_frames(s, inputs, "inputs") || !blank_ok(s, inputs, &mask_index)) return KV_NO_TENSORS;
  kv_length_pair pair[] = {{{NULL, lengths->rank}, {NULL, 1}}, {{lengths, 0}, {inputs, 0}}};
  lengths = kv_demand_lengths(s, KV_REFUSAL_sequence_lengths, lengths, lengths->rank == 1 ? 2 : 1, pair, 1,
                              &(kv_length){lengths, KV_ALL_AXES});
  if (!lengths) return KV_NO_TENSORS;
  if (!beam) return greedy(s, inputs, lengths, merge_repeated, mask_index);
  kvino_tensor *log_p = kv_log_softmax(s, inputs, (kv_axis_attrs){.axis = 2});
  return kv_ctc_beam_search(
      s, log_p, lengths,
      (kv_ctc_beam_search_attrs){.beam_width = beam_width, .top_paths = top_paths, .blank = mask_index});
}
