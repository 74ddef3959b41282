/* The table of properties: look-up and values (properties.h). */
#include "openvino/properties.h"

#include "base/error.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef enum kind { CHOICE, SWITCH, COUNT, AMOUNT, PATH } kind;

static const struct row {
  kind kind;
  kv_taker taker;
  const char *words;
} rows[] = {
#define ROW(name, KEY, kind, words, taker, help) {kind, KV_TAKEN_BY_##taker, words},
    KV_PROPERTIES(ROW)
#undef ROW
};

static const kvino_property_info infos[] = {
#define WORDS_CHOICE(words) words
#define WORDS_SWITCH(words) "yes|no"
#define WORDS_COUNT(words) "a number"
#define WORDS_AMOUNT(words) "a number|" words
#define WORDS_PATH(words) "a text"
#define ROW(name, KEY, kind, words, taker, help) {#name, #KEY, WORDS_##kind(words), help},
    KV_PROPERTIES(ROW)
#undef ROW
};

const kvino_property_info *kvino_properties_list(size_t *n) {
  if (n) *n = KV_PROPERTY_COUNT;
  return infos;
}

const kvino_property_info *kv_property_info(kv_property p) { return &infos[p]; }
kv_taker kv_property_taker(kv_property p) { return rows[p].taker; }

kv_property kv_property_find(const char *name) {
  int p = 0;
  while (p < KV_PROPERTY_COUNT && strcasecmp(name, infos[p].name) && strcmp(name, infos[p].key)) p++;
  return (kv_property)p;
}

kvino_status kv_property_unknown(const char *name, kvino_error *err) {
  char list[KVINO_ERROR_TEXT / 2];
  size_t n = 0;
  for (size_t i = 0; i < KV_PROPERTY_COUNT && n < sizeof list; i++)
    n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", infos[i].name);
  return kv_fail(err, KVINO_INVALID, "unknown property '%s'; there are: %s, and OpenVINO's own names in capitals", name,
                 list);
}

/* Whether `word` is one of "a|b|c", in any case. */
static bool in_words(const char *words, const char *word) {
  size_t n = strlen(word);
  while (*words) {
    size_t m = strcspn(words, "|");
    if (m && m == n && !strncasecmp(words, word, n)) return true;
    words += m + (words[m] == '|');
  }
  return false;
}

static bool is_yes(const char *v) { return in_words("yes|true|on|1", v); }
static bool is_no(const char *v) { return in_words("no|false|off|0", v); }

static bool is_count(const char *v) {
  size_t n = strspn(v, "0123456789");
  return n && !v[n] && n <= 9;
}

static bool takes(kv_property p, const char *value) {
  switch (rows[p].kind) {
  case CHOICE:
    return in_words(rows[p].words, value);
  case SWITCH:
    return is_yes(value) || is_no(value);
  case COUNT:
    return is_count(value);
  case AMOUNT:
    return is_count(value) || in_words(rows[p].words, value);
  case PATH:
    return *value != 0;
  }
  return false;
}

/* Precisions keep their lower case, the other words are in capitals (LOG_LEVEL as LOG_INFO). */
static char *spell(kv_property p, const char *value) {
  char text[64];
  if (rows[p].kind == PATH) return kv_strdup(value);
  if (rows[p].kind == SWITCH) return kv_strdup(is_yes(value) ? "YES" : "NO");
  bool lower = strstr(infos[p].key, "PRECISION") != NULL;
  snprintf(text, sizeof text, "%s%s", p == KV_LOG_LEVEL ? "LOG_" : "", value);
  for (char *c = text; *c; c++) *c = (char)(lower ? tolower((unsigned char)*c) : toupper((unsigned char)*c));
  return kv_strdup(text);
}

kvino_status kv_property_value(kv_property p, const char *name, const char *value, char **spelled, kvino_error *err) {
  if (!takes(p, value))
    return kv_fail(err, KVINO_INVALID, "property '%s' does not take '%s'; it takes %s", name, value, infos[p].values);
  char *text = spell(p, value);
  if (!text) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  *spelled = text;
  return KVINO_OK;
}
