/* The arguments of a loss or an optimizer: defaults, those of a file, those of the user. */
#ifndef KVINO_TRAINER_ARGUMENTS_H
#define KVINO_TRAINER_ARGUMENTS_H

#include <jansson.h>

#include "kvino/common.h"

/* An object with a value for each of `fields` ("delta=1.0, axis=-1"). `config` (may be NULL) and then the n properties
 * are taken over it. Errors: KVINO_INVALID: an argument that `what` does not have. */
kvino_status kv_arguments_make(const char *what, const char *fields, const json_t *config, size_t n,
                               const kvino_property *properties, json_t **out, kvino_error *err);
double kv_argument(const json_t *settings, const char *name); /* 0 where it is null or none */
bool kv_argument_flag(const json_t *settings, const char *name);
/* Whether `name` is one for this class: its own, that in snake case, or an alias. */
bool kv_is_called(const char *name, const char *class_name, const char *aliases);

#endif
