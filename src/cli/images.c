/* Pictures as a model takes them: size, channels, mean and scale. */
#include "images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the input wants: (batch, height, width, channels), (batch, channels, height, width) or (batch, height, width).
 */
typedef struct layout {
  int channels, height_axis;
  bool first; /* channels before the rest */
} layout;

bool is_image(const char *path) {
  const char *end = strrchr(path, '.');
  return end && (!strcasecmp(end, ".png") || !strcasecmp(end, ".jpg") || !strcasecmp(end, ".jpeg"));
}

static bool one_or_three(int64_t n) { return n == 1 || n == 3; }

static kvino_status layout_of(const kvino_port *port, layout *out, kvino_error *err) {
  if (port->rank == 3)
    *out = (layout){1, 1, false};
  else if (port->rank == 4 && one_or_three(port->shape[3]))
    *out = (layout){(int)port->shape[3], 1, false};
  else if (port->rank == 4 && one_or_three(port->shape[1]))
    *out = (layout){(int)port->shape[1], 2, true};
  else {
    char text[TUPLE_TEXT];
    tuple(port->rank, port->shape, text, sizeof text);
    return tell(err, KVINO_INVALID,
                "input '%s' of shape %s takes no pictures: (batch, height, width, channels) or (batch, channels, "
                "height, width), with 1 or 3 channels",
                port->name, text);
  }
  return KVINO_OK;
}

/* *x becomes what an operator has made of it. */
static kvino_status become(kvino_status status, kvino_tensor **x, kvino_tensor **made) {
  if (status) return status;
  kvino_tensor_release(*x);
  *x = *made;
  return KVINO_OK;
}

/* x: (1, height, width, channels). */
static kvino_status resize(const kvino_port *port, const layout *l, const image_options *o, const char *path,
                           kvino_tensor **x, kvino_error *err) {
  int64_t size[2];
  bool same = true;
  kvino_tensor *y = NULL;
  for (int i = 0; i < 2; i++) {
    int64_t own = kvino_tensor_shape(*x)[1 + i], asked = port->shape[l->height_axis + i];
    size[i] = o->size[i] ? o->size[i] : asked > 0 ? asked : own;
    same &= size[i] == own;
  }
  if (same) return KVINO_OK;
  if (o->as_it_is)
    return tell(err, KVINO_INVALID, "%s: %lld x %lld pixels, not %lld x %lld (height x width)", path,
                (long long)kvino_tensor_shape(*x)[1], (long long)kvino_tensor_shape(*x)[2], (long long)size[0],
                (long long)size[1]);
  return become(kvino_resize(*x, KVINO_INTS(size[0], size[1]), "bilinear", false, false, false, "constant", 0,
                             "channels_last", &y, err),
                x, &y);
}

typedef kvino_status operation(kvino_tensor *a, kvino_tensor *b, kvino_tensor **out, kvino_error *err);

static kvino_status by_channel(operation *apply, const channel_values *values, int channels, const char *option,
                               kvino_tensor **x, kvino_error *err) {
  kvino_tensor *other = NULL, *y = NULL;
  if (!values->n) return KVINO_OK;
  if (values->n > 1 && values->n != (size_t)channels)
    return tell(err, KVINO_INVALID, "%s has %zu values; the input has %d channels", option, values->n, channels);
  kvino_status status = kvino_tensor_new(KVINO_F32, 1, (int64_t[]){(int64_t)values->n}, values->value, &other, err);
  if (!status) status = become(apply(*x, other, &y, err), x, &y);
  kvino_tensor_release(other);
  return status;
}

static kvino_status arrange(const kvino_port *port, const layout *l, kvino_tensor **x, kvino_error *err) {
  kvino_tensor *y = NULL;
  const int64_t *shape = kvino_tensor_shape(*x);
  if (l->first) return become(kvino_transpose(*x, KVINO_INTS(0, 3, 1, 2), &y, err), x, &y);
  if (port->rank == 4) return KVINO_OK;
  return become(kvino_reshape(*x, KVINO_INTS(1, shape[1], shape[2]), &y, err), x, &y);
}

static kvino_status decode(const char *path, int channels, kvino_tensor **out, kvino_error *err) {
  size_t n;
  unsigned char *bytes = (unsigned char *)read_all(path, &n);
  if (!bytes) return tell(err, KVINO_IO, "%s: %s", path, strerror(errno));
  pixels p = {.path = path};
  kvino_status status = decode_pixels(bytes, n, &p, err);
  free(bytes);
  if (status) return status;
  size_t count = (size_t)p.height * (size_t)p.width;
  if (channels == 1) /* the luma of ITU-R 601-2, in place */
    for (size_t i = 0; i < count; i++) {
      const unsigned char *rgb = p.rgb + 3 * i;
      p.rgb[i] = (unsigned char)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
    }
  return kvino_tensor_wrap(KVINO_U8, 4, (int64_t[]){1, p.height, p.width, channels}, NULL, p.rgb, free, p.rgb, out,
                           err);
}

kvino_status image_read(const kvino_port *port, const char *path, const image_options *options, kvino_tensor **out,
                        kvino_error *err) {
  static const image_options none;
  const image_options *o = options ? options : &none;
  kvino_tensor *x = NULL, *y = NULL;
  layout l;
  kvino_status status = layout_of(port, &l, err);
  if (!status) status = decode(path, l.channels, &x, err);
  /* An input of integers gets what is rounded and limited, as resize does it. */
  bool real = kvino_dtype_is_float(port->dtype) || o->mean.n || o->scale.n;
  if (!status && real) status = become(kvino_cast(x, KVINO_F32, &y, err), &x, &y);
  if (!status) status = resize(port, &l, o, path, &x, err);
  if (!status) status = by_channel(kvino_subtract, &o->mean, l.channels, "--mean", &x, err);
  if (!status) status = by_channel(kvino_divide, &o->scale, l.channels, "--scale", &x, err);
  if (!status) status = arrange(port, &l, &x, err);
  if (status)
    kvino_tensor_release(x);
  else
    *out = x;
  return status;
}

kvino_status images_read(const kvino_port *port, size_t n, char *const *paths, const image_options *options,
                         kvino_tensor **out, kvino_error *err) {
  kvino_tensors list = {n, calloc(n, sizeof *list.v)};
  kvino_status status = list.v ? KVINO_OK : tell(err, KVINO_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < n && !status; i++) {
    status = image_read(port, paths[i], options, &list.v[i], err);
    size_t bytes = (size_t)kvino_tensor_rank(list.v[0]) * sizeof(int64_t);
    if (!status && memcmp(kvino_tensor_shape(list.v[i]), kvino_tensor_shape(list.v[0]), bytes))
      status = tell(err, KVINO_INVALID, "%s and %s differ in size, and the input leaves it open: --resize says which",
                    paths[0], paths[i]);
  }
  if (!status) status = kvino_concatenate(list, 0, out, err);
  drop_inputs(&list);
  return status;
}

/* ---- options ---- */

bool read_channels(const command *self, const char *option, const char *text, double least, channel_values *out) {
  char part[64];
  for (out->n = 0;; text++) {
    size_t n = strcspn(text, ",");
    double value;
    snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1), text);
    if (out->n == 3) {
      fprintf(stderr, "kvino %s: %s takes one number, or one for each of 3 channels\n", self->name, option);
      return false;
    }
    if (!read_number(self, option, part, false, least, 1e30, &value)) return false;
    out->value[out->n++] = (float)value;
    if (!*(text += n)) return true;
  }
}

bool read_size(const command *self, const char *text, image_options *out) {
  char *end;
  out->as_it_is = !strcmp(text, "none");
  if (out->as_it_is) return true;
  out->size[0] = out->size[1] = strtoll(text, &end, 10);
  if (*end == 'x') out->size[1] = strtoll(end + 1, &end, 10);
  bool good = !*end;
  for (int i = 0; i < 2; i++) good &= out->size[i] > 0 && out->size[i] <= 16384;
  if (!good)
    fprintf(stderr, "kvino %s: --resize takes HEIGHTxWIDTH, one length of both, or none, not '%s'\n", self->name, text);
  return good;
}
