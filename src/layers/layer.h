/* Layers of Keras's, read from a file and called on tensors.
 *
 * A kind of layer is a line in a family's .def (layers.def explains the columns) and a function kv_layer_<function> in
 * the family's .c, which reads like the layer's call() in Keras:
 *
 *   kv_value kv_layer_dense(kv_invocation *c) {
 *     kvino_tensor *y = op_matmul(c->s, kv_arg(c, "inputs"), kv_weight(c, "kernel"));
 *     kvino_tensor *bias = kv_weight(c, "bias");
 *     if (bias) y = op_add(c->s, y, bias);
 *     return kv_of(kv_activate(c, "activation", y));
 *   }
 *
 * As in every composite nothing is checked in between: the scope remembers the first error, NULL passes through. The
 * caller adds the layer's name to the error's text, casts what is floating to the layer's compute dtype before, and
 * hands masks on after. */
#ifndef KVINO_LAYERS_LAYER_H
#define KVINO_LAYERS_LAYER_H

#include "layers/value.h"
#include "ops/ops.h"

typedef struct kv_layer kv_layer;
typedef struct kv_invocation kv_invocation;

/* Traits of a kind. */
enum {
  KV_KEEPS_MASK = 1,    /* supports_masking: the mask of the first argument is that of the result */
  KV_OWN_MASK = 2,      /* the function says which mask the result has; without either, masks end here */
  KV_NO_AUTOCAST = 4,   /* floating inputs stay what they are */
  KV_MODEL = 8,         /* Sequential, Functional: layers in it */
  KV_INPUT = 16,        /* InputLayer */
  KV_ANY_ARGUMENTS = 32 /* the function looks at them itself */
};

typedef struct kv_layer_kind {
  const char *name; /* class_name */
  const char *aliases, *fields, *arguments, *weights, *children;
  unsigned traits;
  kv_value (*call)(kv_invocation *c);
} kv_layer_kind;

/* The kind of this class_name, or NULL. */
const kv_layer_kind *kv_layer_kind_find(const char *class_name);
size_t kv_layer_kind_count(void);
const kv_layer_kind *kv_layer_kind_get(size_t i);

typedef struct kv_layer_weight {
  char *name; /* "kernel", "cell/kernel" */
  bool trainable;
  bool named;           /* in the file under its name, not under a number */
  kvino_tensor *tensor; /* as in the file */
  size_t number;        /* in the model */
} kv_layer_weight;

/* A call that records a step of training or evaluation. Layers behave as in predict where there is none. */
typedef struct kv_training {
  bool learns;                 /* a step of training */
  kvino_tensor *const *weight; /* by number: what stands for the weights */
  kvino_tensor **update;       /* by number: what the layer makes of its weight (moving averages); NULL: nothing */
  kvino_tensor *seed;          /* two integers, other ones in each step */
  int64_t draws;               /* of random numbers so far */
  kvino_tensor *loss;          /* the sum of what layers add to it; NULL: nothing */
  int in_steps;                /* inside of a loop over steps */
} kv_training;

/* A state that a recurrent layer keeps between the runs of a model (stateful=True). */
typedef struct kv_state {
  const kv_layer *layer;
  kvino_tensor *after;
  struct kv_state *next;
} kv_state;

/* All of them, in the order in which they became inputs of the graph that a run of the model is recorded in. */
typedef struct kv_states {
  kvino_graph *graph;
  size_t n;
  kv_state *first, *last; /* from the scope */
} kv_states;

struct kv_model_file;

struct kv_layer {
  const kv_layer_kind *kind;
  const struct kv_model_file *file; /* it came from */
  const struct kv_customs *customs; /* what the user computes */
  const char *class_name;           /* as the file has it */
  const json_t *object;             /* {"class_name": ..., "config": ...}, of the file's document */
  const json_t *config;
  json_t *defaults;  /* fields that the configuration lacks, and their defaults */
  char *name, *path; /* path: of its weights in the file, "layers/dense" */
  int major;         /* of the Keras that wrote the file */
  bool trainable;
  kvino_dtype compute, variable;
  size_t n_weights, n_children;
  kv_layer_weight *weight;
  kv_layer **child; /* shared: a layer may be in several */
  size_t refs;
};

/* One call of a layer. */
struct kv_invocation {
  kv_scope *s;
  const kv_layer *layer;
  size_t n_args, n_named;
  const kv_value *args; /* by position */
  const char *const *names;
  const kv_value *named; /* by name */
  int depth;             /* of layers in layers */
  kv_training *training; /* NULL: predict */
  bool frozen;           /* it, or what it is in, is not trainable */
  kv_states *states;     /* NULL: nothing is kept between calls */
};

/* ---- for the functions of layers: arguments ---- */

/* An argument that is one tensor; where it is not, the scope has failed and it is NULL. */
kvino_tensor *kv_arg(kv_invocation *c, const char *name);
/* The same, or NULL where it is None. */
kvino_tensor *kv_maybe_arg(kv_invocation *c, const char *name);
/* An argument whatever it is; None where it is not given. */
kv_value kv_arg_value(kv_invocation *c, const char *name);
/* A flag that the call was given ("use_causal_mask"); the preset where it was not. */
bool kv_arg_flag(kv_invocation *c, const char *name, bool preset);
/* Argument `name` as a list of tensors (merging layers); a single tensor is a list of one. */
kvino_tensors kv_arg_tensors(kv_invocation *c, const char *name);
/* The mask that comes with an argument: the one given as `mask`, else the tensor's own; NULL: none. */
kvino_tensor *kv_mask(kv_invocation *c, const char *name);

/* ---- fields of the configuration, or their defaults in the kind's line ---- */

const json_t *kv_field(kv_invocation *c, const char *name);
bool kv_field_flag(kv_invocation *c, const char *name);
int64_t kv_field_integer(kv_invocation *c, const char *name); /* null: KVINO_NO_INTEGER; a list of one: its number */
double kv_field_number(kv_invocation *c, const char *name);
const char *kv_field_text(kv_invocation *c, const char *name); /* null: NULL */
/* A list of integers, or one integer `rank` times (rank 0: once); null: KVINO_NO_INTS. Nulls in it are -1. */
kvino_ints kv_field_ints(kv_invocation *c, const char *name, int rank);
/* A number or nested lists of numbers as a tensor of the dtype; null: NULL. */
kvino_tensor *kv_field_tensor(kv_invocation *c, const char *name, kvino_dtype dtype);
/* "channels_last" where the field is null. */
const char *kv_data_format(kv_invocation *c);
/* Fails where the field is not its default: a variant that there is no code for. */
void kv_only_default(kv_invocation *c, const char *name);
void *kv_layer_refuse(kv_invocation *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A weight that has the lengths of some axes of x (or of the last of them), in their order, shaped to go with x. */
kvino_tensor *kv_along(kv_invocation *c, kvino_tensor *weight, const kvino_tensor *x, kvino_ints axes);
/* Categories (integers; what is out of range is none) as output_mode says: "int", "one_hot", "multi_hot", "count". */
kvino_tensor *kv_encode_categories(kv_invocation *c, kvino_tensor *x, const char *mode, int64_t depth,
                                   kvino_dtype dtype, kvino_tensor *weights);
/* x divided by its length along the axes, or by epsilon where that is more. */
kvino_tensor *kv_unit_length(kv_invocation *c, kvino_tensor *x, kvino_ints axes, double epsilon);

/* ---- states that are kept between runs ---- */

/* Zeros become what the run before has left. Errors: KVINO_UNSUPPORTED where no run keeps them. */
void kv_begin_states(kv_invocation *c, size_t n, kvino_tensor **state);
/* What this run leaves; nothing where the layer has not begun with what was kept. */
void kv_end_states(kv_invocation *c, size_t n, kvino_tensor *const *state);

/* ---- training ---- */

/* Whether the layer behaves as in fit. */
static inline bool kv_is_training(const kv_invocation *c) { return c->training && c->training->learns; }
/* Refuses what is not computed as in fit; true where it has to be. */
bool kv_refuse_training(kv_invocation *c, const char *what);
/* A seed of random numbers that no other call has. */
kvino_tensor *kv_draw_seed(kv_invocation *c);
/* In training, x with elements dropped; noise_shape: KVINO_NO_INTS, or lengths of 1 where elements are dropped
 * together. */
kvino_tensor *kv_drop(kv_invocation *c, kvino_tensor *x, double rate, kvino_ints noise_shape);
/* Says what a weight of the layer will be after the step. */
void kv_update_weight(kv_invocation *c, const char *name, kvino_tensor *value);
/* Adds a number to the loss. */
void kv_add_loss(kv_invocation *c, kvino_tensor *loss);

/* ---- weights, activations, layers inside ---- */

/* In the compute dtype where floating; NULL where the layer has none of this name (use_bias=False). */
kvino_tensor *kv_weight(kv_invocation *c, const char *name);
/* A file that the layer has in the archive ("vocabulary.txt"): *n bytes, NULL where there is none. */
const char *kv_asset_text(kv_invocation *c, const char *name, size_t *n);
/* As it is in the file. */
kvino_tensor *kv_weight_raw(kv_invocation *c, const char *name);
/* The function of the field "activation", ...: a name of keras.activations, a layer, null (x itself). */
kvino_tensor *kv_activate(kv_invocation *c, const char *field, kvino_tensor *x);
/* The name of that function, "linear" for null; NULL where it is a layer or a function with parameters. */
const char *kv_activation_name(kv_invocation *c, const char *field);
/* softmax, without what the mask (bool, NULL: none) leaves out; zero: 0 there also where a row has nothing else. */
kvino_tensor *kv_masked_softmax(kv_scope *s, kvino_tensor *x, kvino_tensor *mask, kvino_ints axes, bool zero);
/* y + bias along the channels. */
kvino_tensor *kv_add_bias(kv_invocation *c, kvino_tensor *y, kvino_tensor *bias, const char *data_format);

/* Calls a layer: the frame around its function. `inputs` is the first argument. `outer`: the call that makes it, or
 * NULL. */
kv_value kv_layer_call(kv_scope *s, const kv_layer *layer, size_t n_args, const kv_value *args, size_t n_named,
                       const char *const *names, const kv_value *named, const kv_invocation *outer);
/* Child number i of the layer called, on one value. */
kv_value kv_call_child(kv_invocation *c, size_t i, kv_value input);

/* Every line's function. */
#define LAYER(Class, function, aliases, fields, arguments, weights, children, traits)                                  \
  kv_value kv_layer_##function(kv_invocation *c);
#include "layers/layers.def"
#undef LAYER

#endif
