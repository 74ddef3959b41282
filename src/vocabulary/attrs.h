/* Attributes of a primitive: plain data; graphs among them are owned by the nodes that have them. */
#ifndef KVINO_VOCABULARY_ATTRS_H
#define KVINO_VOCABULARY_ATTRS_H

#include "kvino/dtype.h"

#define KV_INTS_MAX 8
typedef struct kv_ints {
  int n;
  int64_t v[KV_INTS_MAX];
} kv_ints;

typedef enum kv_field_kind {
  KV_FIELD_integer,
  KV_FIELD_flag,
  KV_FIELD_number,
  KV_FIELD_ints,
  KV_FIELD_dtype,
  KV_FIELD_choice,
  KV_FIELD_body
} kv_field_kind;
struct kv_graph;
typedef int64_t kv_c_integer;
typedef bool kv_c_flag;
typedef double kv_c_number;
typedef kv_ints kv_c_ints;
typedef kvino_dtype kv_c_dtype;
typedef const char *kv_c_choice;
typedef struct kv_graph *kv_c_body; /* borrowed in a call; a node retains it */

#define FIELD(kind, name, ir) kv_c_##kind name;
#define CHOICE(name, ir, values) kv_c_choice name;
#define ATTRS(group, fields)                                                                                           \
  typedef struct kv_##group##_attrs {                                                                                  \
    char unused;                                                                                                       \
    fields                                                                                                             \
  } kv_##group##_attrs;
#include "vocabulary/attrs.def"
#undef ATTRS
#undef FIELD
#undef CHOICE

typedef union kv_attrs {
#define ATTRS(group, fields) kv_##group##_attrs group;
#include "vocabulary/attrs.def"
#undef ATTRS
} kv_attrs;

typedef struct kv_attr_field {
  const char *name; /* in the IR */
  kv_field_kind kind;
  size_t offset;
  const char *values; /* of a choice: one after the other, each and the last of them ended by a NUL; else NULL */
} kv_attr_field;

/* Every group's fields, ended by a NULL name: kv_none_fields(), kv_axis_fields(), ... */
#define ATTRS(group, fields) const kv_attr_field *kv_##group##_fields(void);
#include "vocabulary/attrs.def"
#undef ATTRS

/* The value of one field as the IR and the dump write it ("1,2", "true", "f32", "0.5"). Returns its length, as
 * snprintf. */
int kv_attr_text(const kv_attr_field *field, const kv_attrs *a, char *text, size_t size);
/* The value of a choice that this text names, for ever; NULL where it names none. */
const char *kv_attr_choice(const kv_attr_field *field, const char *text);
/* Whether the field has a value: an unset choice has none. */
bool kv_attr_is_set(const kv_attr_field *field, const kv_attrs *a);

#endif
