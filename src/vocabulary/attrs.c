#include "vocabulary/attrs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const ir_types[KVINO_DTYPE_COUNT] = {
#define ROW(id, name, size, ir) [KVINO_##id] = ir,
    KVINO_DTYPES(ROW)
#undef ROW
};

/* offsetof wants the struct's name, which FIELD is not given: `self` names it inside each function. */
#define FIELD(kind, name, ir) {ir, KV_FIELD_##kind, offsetof(self, name), NULL},
#define CHOICE(name, ir, values) {ir, KV_FIELD_choice, offsetof(self, name), values "\0"},
#define ATTRS(group, fields)                                                                                           \
  const kv_attr_field *kv_##group##_fields(void) {                                                                     \
    typedef kv_##group##_attrs self;                                                                                   \
    static const kv_attr_field table[] = {fields{NULL, (kv_field_kind)0, sizeof(self), NULL}};                         \
    return table;                                                                                                      \
  }
#include "vocabulary/attrs.def"
#undef ATTRS
#undef FIELD
#undef CHOICE

const char *kv_attr_choice(const kv_attr_field *f, const char *text) {
  for (const char *v = f->values; v && *v; v += strlen(v) + 1)
    if (!strcmp(v, text)) return v;
  return NULL;
}

static const void *at(const kv_attr_field *f, const kv_attrs *a) { return (const char *)a + f->offset; }

static int ints_text(const kv_ints *v, char *text, size_t size) {
  int n = 0;
  if (size) text[0] = 0;
  for (int i = 0; i < v->n; i++)
    n += snprintf((size_t)n < size ? text + n : NULL, (size_t)n < size ? size - (size_t)n : 0, i ? ",%lld" : "%lld",
                  (long long)v->v[i]);
  return n;
}

int kv_attr_text(const kv_attr_field *f, const kv_attrs *a, char *text, size_t size) {
  const void *x = at(f, a);
  switch (f->kind) {
  case KV_FIELD_integer:
    return snprintf(text, size, "%lld", (long long)*(const int64_t *)x);
  case KV_FIELD_flag:
    return snprintf(text, size, "%s", *(const bool *)x ? "true" : "false");
  case KV_FIELD_dtype: {
    const char *ir = ir_types[*(const kvino_dtype *)x];
    return snprintf(text, size, "%s", ir ? ir : kvino_dtype_name(*(const kvino_dtype *)x));
  }
  case KV_FIELD_ints:
    return ints_text(x, text, size);
  case KV_FIELD_choice:
    return snprintf(text, size, "%s", *(const char *const *)x ? *(const char *const *)x : "");
  case KV_FIELD_number: {
    /* The IR's readers before 2026 do not take "inf": the largest float stands for it. */
    double v = *(const double *)x;
    if (isinf(v)) v = v < 0 ? -3.4028234663852886e38 : 3.4028234663852886e38;
    return snprintf(text, size, "%.17g", v);
  }
  case KV_FIELD_body: /* the dump and the IR write graphs their own way */
    return snprintf(text, size, "%s", "");
  }
  return 0;
}

bool kv_attr_is_set(const kv_attr_field *f, const kv_attrs *a) {
  if (f->kind == KV_FIELD_body) return false;
  return f->kind != KV_FIELD_choice || *(const char *const *)at(f, a) != NULL;
}
