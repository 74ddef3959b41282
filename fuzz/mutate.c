/* A mutator that knows what a model's file is (libFuzzer's LLVMFuzzerCustomMutator): an archive is taken apart, one of
 * its members changed and all put together again, checksums right; of a member in JSON one value becomes another. Bytes
 * that are no archive, and a few that are, change as libFuzzer changes bytes. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

enum { MOST_MEMBERS = 16, MOST_VALUES = 4096, ROOM = 4096 };

static unsigned state;
static unsigned draw(unsigned n) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % n;
}

/* ---- JSON ---- */

/* Where a value stands. */
typedef struct place {
  json_t *in;
  const char *key; /* of an object */
  size_t index;    /* of an array */
} place;

static size_t list_places(json_t *j, place *to, size_t n) {
  const char *key;
  json_t *value;
  size_t i;
  if (json_is_object(j)) {
    json_object_foreach(j, key, value) {
      if (n == MOST_VALUES) return n;
      to[n++] = (place){j, key, 0};
      n = list_places(value, to, n);
    }
  }
  if (json_is_array(j)) {
    json_array_foreach(j, i, value) {
      if (n == MOST_VALUES) return n;
      to[n++] = (place){j, NULL, i};
      n = list_places(value, to, n);
    }
  }
  return n;
}

static json_t *at(const place *p) { return p->key ? json_object_get(p->in, p->key) : json_array_get(p->in, p->index); }

static json_t *another(const place *places, size_t n, const json_t *before) {
  static const json_int_t numbers[] = {
      0, 1, 2, 3, -1, 7, 64, 255, 1000, INT32_MAX, INT64_MAX, INT64_MIN, (json_int_t)1 << 40};
  json_t *list;
  switch (draw(9)) {
  case 0:
  case 1:
    return json_integer(numbers[draw(sizeof numbers / sizeof *numbers)]);
  case 2:
    return json_is_integer(before) ? json_integer((json_int_t)((uint64_t)json_integer_value(before) + draw(5) - 2))
                                   : json_null();
  case 3:
    return draw(2) ? json_true() : json_false();
  case 4:
    list = json_array();
    for (unsigned i = draw(4); i > 0; i--) json_array_append_new(list, json_integer(numbers[draw(8)]));
    return list;
  case 5:
    return json_real(draw(2) ? 0.5 : -1e300);
  default: /* of the same file: what may stand here, mostly */
    return json_deep_copy(at(&places[draw((unsigned)n)]));
  }
}

static void change_value(json_t *all, place *places) {
  size_t n = list_places(all, places, 0);
  if (!n) return;
  place p = places[draw((unsigned)n)];
  json_t *value = draw(12) ? another(places, n, at(&p)) : NULL;
  if (p.key && value)
    json_object_set_new(p.in, p.key, value);
  else if (p.key)
    json_object_del(p.in, p.key);
  else if (value && draw(6))
    json_array_set_new(p.in, p.index, value);
  else if (value)
    json_array_insert_new(p.in, p.index, value);
  else
    json_array_remove(p.in, p.index);
}

/* ---- members ---- */

typedef struct member {
  char *name;
  uint8_t *at;
  size_t n;
} member;

/* The text is freed or given on. */
static void change_json(member *m, size_t max_size) {
  json_t *all = json_loadb((char *)m->at, m->n, 0, NULL);
  place *places = calloc(MOST_VALUES, sizeof *places);
  char *text = NULL;
  if (all && places) {
    for (unsigned i = 1 + draw(3); i > 0; i--) change_value(all, places);
    text = json_dumps(all, JSON_COMPACT);
  }
  if (text && strlen(text) < max_size) {
    free(m->at);
    m->n = strlen(text);
    m->at = (uint8_t *)text;
  } else {
    free(text);
  }
  free(places);
  json_decref(all);
}

static void change_member(member *m, size_t max_size) {
  bool json = m->n && *m->at == '{';
  if (json && draw(8)) {
    change_json(m, max_size);
    return;
  }
  uint8_t *room = realloc(m->at, m->n + ROOM);
  if (!room) return;
  m->at = room;
  m->n = LLVMFuzzerMutate(m->at, m->n, m->n + ROOM);
}

static size_t read_members(const uint8_t *data, size_t size, size_t max_size, member *to) {
  zip_source_t *source = zip_source_buffer_create(data, size, 0, NULL);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, NULL) : NULL;
  size_t n = 0;
  if (!zip && source) zip_source_free(source);
  for (zip_int64_t i = 0; zip && i < zip_get_num_entries(zip, 0) && n < MOST_MEMBERS; i++) {
    zip_stat_t s;
    zip_file_t *file = NULL;
    if (zip_stat_index(zip, (zip_uint64_t)i, 0, &s) || s.size > max_size) continue;
    if (!(file = zip_fopen_index(zip, (zip_uint64_t)i, 0))) continue;
    member m = {strdup(s.name), malloc(s.size + 1), s.size};
    if (m.name && m.at && zip_fread(file, m.at, m.n) == (zip_int64_t)m.n) {
      to[n++] = m;
    } else {
      free(m.name);
      free(m.at);
    }
    zip_fclose(file);
  }
  if (zip) zip_discard(zip);
  return n;
}

/* 0 where there is no room. */
static size_t write_members(const member *m, size_t n, uint8_t *data, size_t max_size) {
  zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_TRUNCATE, NULL) : NULL;
  zip_stat_t s;
  size_t size = 0;
  if (!zip) return 0;
  zip_source_keep(source);
  for (size_t i = 0; i < n; i++) {
    zip_source_t *part = zip_source_buffer(zip, m[i].at, m[i].n, 0);
    zip_int64_t at = zip_file_add(zip, m[i].name, part, ZIP_FL_ENC_UTF_8 | ZIP_FL_OVERWRITE);
    if (at < 0)
      zip_source_free(part);
    else
      zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_STORE, 0);
  }
  if (zip_close(zip)) {
    zip_discard(zip);
  } else if (!zip_source_stat(source, &s) && s.size <= max_size && !zip_source_open(source)) {
    if (zip_source_read(source, data, s.size) == (zip_int64_t)s.size) size = s.size;
    zip_source_close(source);
  }
  zip_source_free(source);
  return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
  member m[MOST_MEMBERS];
  state = seed;
  size_t n = draw(16) && size > 4 && !memcmp(data, "PK\x03\x04", 4) ? read_members(data, size, max_size, m) : 0;
  size_t written = 0;
  if (n) {
    change_member(&m[draw((unsigned)n)], max_size);
    written = write_members(m, n, data, max_size);
  }
  for (size_t i = 0; i < n; i++) {
    free(m[i].name);
    free(m[i].at);
  }
  return written ? written : LLVMFuzzerMutate(data, size, max_size);
}
