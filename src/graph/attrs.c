#include "graph/attrs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

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
#include "graph/attrs.def"
#undef ATTRS
#undef FIELD
#undef CHOICE

const char *kv_attr_choice(const kv_attr_field *f, const char *text) {
  for (const char *v = f->values; v && *v; v += strlen(v) + 1)
    if (!strcmp(v, text)) return v;
  return NULL;
}

static const void *at(const kv_attr_field *f, const kv_attrs *a) { return (const char *)a + f->offset; }

/* The same graph, or one of the same structure and contents. */
static bool body_equal(const struct kv_graph *a, const struct kv_graph *b) {
  uint64_t h[2], k[2];
  if (a == b || !a || !b) return a == b;
  kv_graph_hash(a, h);
  kv_graph_hash(b, k);
  return h[0] == k[0] && h[1] == k[1];
}

static bool field_equal(const kv_attr_field *f, const kv_attrs *a, const kv_attrs *b) {
  const void *x = at(f, a), *y = at(f, b);
  switch (f->kind) {
  case KV_FIELD_integer:
    return *(const int64_t *)x == *(const int64_t *)y;
  case KV_FIELD_flag:
    return *(const bool *)x == *(const bool *)y;
  case KV_FIELD_number:
    return !memcmp(x, y, sizeof(double)); /* bits: NaN equals itself, -0 differs from 0 */
  case KV_FIELD_dtype:
    return *(const kvino_dtype *)x == *(const kvino_dtype *)y;
  case KV_FIELD_ints: {
    const kv_ints *m = x, *n = y;
    return m->n == n->n && !memcmp(m->v, n->v, (size_t)m->n * sizeof *m->v);
  }
  case KV_FIELD_choice: {
    const char *s = *(const char *const *)x, *t = *(const char *const *)y;
    return s == t || (s && t && !strcmp(s, t));
  }
  case KV_FIELD_body:
    return body_equal(*(struct kv_graph *const *)x, *(struct kv_graph *const *)y);
  }
  return false;
}

bool kv_attrs_equal(const kv_attr_field *fields, const kv_attrs *a, const kv_attrs *b) {
  for (const kv_attr_field *f = fields; f->name; f++)
    if (!field_equal(f, a, b)) return false;
  return true;
}

uint64_t kv_mix(uint64_t seed, uint64_t value) {
  uint64_t x = seed ^ (value + 0x9e3779b97f4a7c15u + (seed << 6) + (seed >> 2)); /* splitmix64's finaliser below */
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

uint64_t kv_mix_bytes(uint64_t seed, const void *bytes, size_t n) {
  const char *p = bytes;
  uint64_t word;
  for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
    memcpy(&word, p, sizeof word);
    seed = kv_mix(seed, word);
  }
  word = n;
  memcpy(&word, p, n);
  return kv_mix(kv_mix(seed, word), n);
}

uint64_t kv_attrs_hash(const kv_attr_field *fields, const kv_attrs *a, uint64_t seed) {
  for (const kv_attr_field *f = fields; f->name; f++) {
    const void *x = at(f, a);
    switch (f->kind) {
    case KV_FIELD_integer:
    case KV_FIELD_number:
      seed = kv_mix_bytes(seed, x, 8);
      break;
    case KV_FIELD_flag:
      seed = kv_mix(seed, *(const bool *)x);
      break;
    case KV_FIELD_dtype:
      seed = kv_mix(seed, *(const kvino_dtype *)x);
      break;
    case KV_FIELD_ints:
      seed = kv_mix_bytes(seed, ((const kv_ints *)x)->v, (size_t)((const kv_ints *)x)->n * 8);
      break;
    case KV_FIELD_choice: {
      const char *s = *(const char *const *)x;
      seed = kv_mix_bytes(seed, s ? s : "", s ? strlen(s) : 0);
      break;
    }
    case KV_FIELD_body: {
      uint64_t body[2] = {0, 0};
      if (*(struct kv_graph *const *)x) kv_graph_hash(*(struct kv_graph *const *)x, body);
      seed = kv_mix(kv_mix(seed, body[0]), body[1]);
      break;
    }
    }
  }
  return seed;
}

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
