/* Tiles of positions are packed, channels in panels, padding as zeros; then each tap's products are sums over a tile
 * whose terms stand at equal distances, with no regard to where a row or the data ends. */
#include "kernels/window/conv_filters.h"

#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

enum {
  POSITIONS = 192, /* of a tile: a panel of d stays in the first-level cache */
  MOST_PARTS = 16,
  FEW_TILES = 4 /* of a part at least: else clearing and adding up the sums costs as much as they do */
};
static const int64_t PART_WORK = 1 << 20, SUMS_BYTES = 64 << 20;

typedef struct plan {
  kv_conv c;
  bool depthwise, wide; /* wide: f64 */
  const kv_filter_kernels *kernels;
  int64_t size;                        /* bytes of an element */
  int64_t taps;                        /* of the last dimension */
  int64_t length, segments;            /* positions of a row in a tile, and tiles along it */
  int64_t rows, row_tiles;             /* rows in a tile, and tiles along dimension 1 */
  int64_t images;                      /* in a tile, where these are all of their rows */
  int64_t units;                       /* tiles of all images */
  int64_t lanes, x_panels;             /* channels of a panel of x; panels of a group */
  int64_t width, d_panels;             /* the same of d */
  int64_t x_rows, x_length, x_spacing; /* what is packed of x for a tile; elements between rows' positions in x */
  int64_t row_spacing;
  int64_t sum_panel, sum_group, sum_part; /* elements */
  int64_t parts, cuts;                    /* tasks: parts of the units times parts of d's panels */
  char *sums, *filters;
  _Atomic bool failed;
} plan;

/* ---- packing ---- */

static void copy_lanes(int64_t size, char *to, const char *from, int64_t n, int64_t step) {
  if (step == 1)
    memcpy(to, from, (size_t)(n * size));
  else if (size == 4)
    for (int64_t i = 0; i < n; i++) memcpy(to + 4 * i, from + 4 * i * step, 4);
  else
    for (int64_t i = 0; i < n; i++) memcpy(to + 8 * i, from + 8 * i * step, 8);
}

/* A row of positions: `pad` zeros, n from `from` on, zeros up to `length`; channels [0, channels) of from, each
 * `repeat` times, into panels of `lanes` that are `panel` elements apart. */
typedef struct packing {
  int64_t size, channels, channel_step, step, lanes, panel, repeat;
} packing;

static void pack_row(const packing *k, char *to, const char *from, int64_t pad, int64_t n, int64_t length) {
  int64_t s = k->size, all = k->channels * k->repeat;
  for (int64_t first = 0; first < all; first += k->lanes, to += k->panel * s) {
    int64_t m = all - first < k->lanes ? all - first : k->lanes;
    char *at = to + pad * k->lanes * s;
    memset(to, 0, (size_t)(pad * k->lanes * s));
    memset(at + n * k->lanes * s, 0, (size_t)((length - pad - n) * k->lanes * s));
    if (m < k->lanes) memset(at, 0, (size_t)(n * k->lanes * s));
    for (int64_t p = 0; p < n; p++, at += k->lanes * s) {
      const char *x = from + p * k->step * s;
      if (k->repeat == 1)
        copy_lanes(s, at, x + first * k->channel_step * s, m, k->channel_step);
      else
        for (int64_t i = 0; i < m; i++)
          memcpy(at + i * s, x + (first + i) / k->repeat * k->channel_step * s, (size_t)s);
    }
  }
}

/* Where a tile lies. */
typedef struct tile {
  int64_t image, images, depth, row, rows, column, n; /* n: positions that there are, at most p->length */
} tile;

static tile tile_of(const plan *p, int64_t unit) {
  tile t;
  t.column = unit % p->segments * p->length;
  unit /= p->segments;
  t.row = unit % p->row_tiles * p->rows;
  unit /= p->row_tiles;
  t.depth = unit % p->c.small[0];
  t.image = unit / p->c.small[0] * p->images;
  t.images = p->c.batch - t.image < p->images ? p->c.batch - t.image : p->images;
  t.rows = p->c.small[1] - t.row < p->rows ? p->c.small[1] - t.row : p->rows;
  t.n = p->c.small[2] - t.column < p->length ? p->c.small[2] - t.column : p->length;
  return t;
}

/* Panels [first, end) of d. */
static void pack_d(const plan *p, const tile *t, int64_t group, int64_t first, int64_t end, char *to) {
  const kv_images *d = &p->c.y;
  int64_t channels = (p->depthwise ? p->c.groups : 1) * p->c.out, from = first * p->width;
  int64_t m = (channels < end * p->width ? channels : end * p->width) - from;
  packing k = {p->size, m, d->channel_step, d->step[2], p->width, t->images * t->rows * p->length * p->width, 1};
  const char *x = d->data + (t->image * d->batch_step + t->depth * d->step[0] + t->row * d->step[1] +
                             t->column * d->step[2] + (group * p->c.out + from) * d->channel_step) *
                                p->size;
  for (int64_t i = 0; i < t->images; i++, x += d->batch_step * p->size)
    for (int64_t r = 0; r < t->rows; r++, to += p->length * p->width * p->size)
      pack_row(&k, to, x + r * d->step[1] * p->size, 0, t->n, p->length);
}

/* The rows of x under tap `a` of dimension 0; false where all of them lie in the padding. */
static bool pack_x(const plan *p, const tile *t, int64_t group, int64_t a, char *to) {
  const kv_conv *c = &p->c;
  int64_t u = t->depth * c->stride[0] - c->begin[0] + a * c->dilation[0];
  if (u < 0 || u >= c->large[0]) return false;
  int64_t channels = (p->depthwise ? c->groups : 1) * c->in, panel = p->images * p->x_rows * p->x_length * p->lanes;
  packing k = {p->size,  channels, c->x.channel_step,        c->x.step[2] * p->x_spacing,
               p->lanes, panel,    p->depthwise ? c->out : 1};
  int64_t column = t->column * c->stride[2] - c->begin[2], g = p->x_spacing;
  int64_t pad = column < 0 ? (-column + g - 1) / g : 0, room = c->large[2] - column;
  int64_t end = room > 0 ? (room + g - 1) / g : 0;
  if (pad > p->x_length) pad = p->x_length;
  if (end > p->x_length) end = p->x_length;
  if (end < pad) end = pad;
  for (int64_t i = 0; i < t->images * p->x_rows; i++, to += p->x_length * p->lanes * p->size) {
    int64_t image = t->image + i / p->x_rows, r = i % p->x_rows;
    int64_t v = t->row * c->stride[1] - c->begin[1] + r * p->row_spacing;
    bool inside = v >= 0 && v < c->large[1] && end > pad;
    const char *x = c->x.data;
    if (inside)
      x += (image * c->x.batch_step + u * c->x.step[0] + v * c->x.step[1] + (column + pad * g) * c->x.step[2] +
            group * c->in * c->x.channel_step) *
           p->size;
    pack_row(&k, to, x, inside ? pad : 0, inside ? end - pad : 0, p->x_length);
  }
  return true;
}

/* ---- sums of a part ---- */

static void add_tile(const plan *p, const tile *t, int64_t group, int64_t first, int64_t end, char *x, char *d,
                     char *sums) {
  const kv_conv *c = &p->c;
  int64_t plane = p->sum_panel * p->d_panels;
  pack_d(p, t, group, first, end, d);
  for (int64_t a = 0; a < c->kernel[0]; a++) {
    if (!pack_x(p, t, group, a, x)) continue;
    for (int64_t b = 0; b < c->kernel[1]; b++) {
      int64_t skip = b * c->dilation[1] / p->row_spacing;
      kv_filter_tile k = {
          .images = t->images, .rows = t->rows, .n = p->length, .taps = p->taps, .lanes = p->lanes, .d = d};
      k.tap_step = c->dilation[2] * p->lanes;
      k.x = x + skip * p->x_length * p->lanes * p->size;
      k.x_panels = p->x_panels;
      k.x_image = p->x_rows * p->x_length * p->lanes;
      k.x_panel = p->images * k.x_image;
      k.x_row = c->stride[1] / p->row_spacing * p->x_length * p->lanes;
      k.x_step = c->stride[2] / p->x_spacing * p->lanes;
      k.d_panels = end - first;
      k.sum = sums + ((a * c->kernel[1] + b) * plane + first * p->sum_panel) * p->size;
      k.sum_step = p->sum_panel;
      if (p->depthwise) k.x_panels = p->d_panels;
      (p->depthwise ? p->kernels->depthwise : p->kernels->products)[p->wide](&k);
    }
  }
}

static void run_part(void *context, size_t i) {
  plan *p = context;
  int64_t part = (int64_t)i / p->cuts, cut = (int64_t)i % p->cuts;
  int64_t first = p->d_panels * cut / p->cuts, end = p->d_panels * (cut + 1) / p->cuts;
  int64_t groups = p->depthwise ? 1 : p->c.groups;
  size_t x_bytes = (size_t)(p->x_panels * p->images * p->x_rows * p->x_length * p->lanes * p->size + KV_ALIGN - 1) /
                   KV_ALIGN * KV_ALIGN;
  size_t bytes = x_bytes + (size_t)((end - first) * p->images * p->rows * p->length * p->width * p->size);
  char *room = kv_block_new(bytes), *sums = p->sums + part * p->sum_part * p->size;
  if (!room) {
    p->failed = true;
    return;
  }
  for (int64_t k = 0; k < groups * p->c.kernel[0] * p->c.kernel[1]; k++)
    memset(sums + (k * p->d_panels + first) * p->sum_panel * p->size, 0,
           (size_t)((end - first) * p->sum_panel * p->size));
  for (int64_t unit = p->units * part / p->parts; unit < p->units * (part + 1) / p->parts; unit++) {
    tile t = tile_of(p, unit);
    for (int64_t group = 0; group < groups; group++)
      add_tile(p, &t, group, first, end, room, room + x_bytes, sums + group * p->sum_group * p->size);
  }
  kv_block_free(room, bytes);
}

/* ---- the parts together, in the order that is asked for ---- */

/* Row `tap, channel of x` of the result: of every group and channel of d. */
#define COLLECT(T)                                                                                                     \
  static void collect_##T(const plan *p, int64_t row) {                                                                \
    const kv_conv *c = &p->c;                                                                                          \
    int64_t tap = row / c->in, lane = row % c->in, above = tap / p->taps, k = tap % p->taps, all = c->groups * c->out; \
    int64_t plane = above * p->sum_panel * p->d_panels;                                                                \
    int64_t at =                                                                                                       \
        p->depthwise ? k * p->lanes : ((lane / p->lanes * p->taps + k) * p->lanes + lane % p->lanes) * p->width;       \
    int64_t each = p->depthwise ? all : c->out;                                                                        \
    T *to = (T *)p->filters + row * all;                                                                               \
    for (int64_t g = 0; g < all / each; g++)                                                                           \
      for (int64_t o = 0; o < each; o += p->width, to += p->width) {                                                   \
        const T *from = (const T *)p->sums + g * p->sum_group + plane + o / p->width * p->sum_panel + at;              \
        int64_t n = each - o < p->width ? each - o : p->width;                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                              \
          T sum = from[i];                                                                                             \
          for (int64_t part = 1; part < p->parts; part++) sum += from[i + part * p->sum_part];                         \
          to[i] = sum;                                                                                                 \
        }                                                                                                              \
        if (n < p->width) to += n - p->width;                                                                          \
      }                                                                                                                \
  }
COLLECT(float)
COLLECT(double)

static void collect(void *context, size_t begin, size_t end) {
  const plan *p = context;
  for (size_t row = begin; row < end; row++) p->wide ? collect_double(p, (int64_t)row) : collect_float(p, (int64_t)row);
}

/* ---- entry ---- */

static int64_t up(int64_t n, int64_t step) { return (n + step - 1) / step; }

/* A window of one element at every place in turn, in memory without gaps: one row of positions. */
static void flatten(kv_conv *c) {
  for (int d = 0; d < KV_SPATIAL; d++)
    if (c->kernel[d] != 1 || c->stride[d] != 1 || c->begin[d] || c->large[d] != c->small[d]) return;
  for (int d = 1; d >= 0; d--) {
    int64_t below = c->large[d + 1];
    bool packed =
        c->large[d] == 1 || (c->x.step[d] == c->x.step[d + 1] * below && c->y.step[d] == c->y.step[d + 1] * below);
    if (!packed) return;
    int64_t n = c->large[d] * below; /* the lower dimension takes this one in, and goes on as it */
    c->x.step[d] = c->x.step[d + 1];
    c->y.step[d] = c->y.step[d + 1];
    c->large[d] = c->small[d] = n;
    c->large[d + 1] = c->small[d + 1] = 1;
  }
  c->x.step[2] = c->x.step[0];
  c->y.step[2] = c->y.step[0];
  c->large[2] = c->small[2] = c->large[0];
  c->large[0] = c->small[0] = 1;
}

static void choose_tiles(plan *p) {
  const kv_conv *c = &p->c;
  p->segments = up(c->small[2], POSITIONS);
  p->length = up(c->small[2], p->segments);
  p->rows = p->length >= POSITIONS ? 1 : POSITIONS / p->length;
  p->row_tiles = up(c->small[1], p->rows);
  p->rows = up(c->small[1], p->row_tiles);
  bool whole = p->segments == 1 && p->row_tiles == 1 && c->small[0] == 1;
  p->images = whole ? POSITIONS / (p->rows * p->length) : 1;
  if (p->images > c->batch) p->images = c->batch;
  p->units = up(c->batch, p->images) * c->small[0] * p->row_tiles * p->segments;
  p->x_spacing = p->taps == 1 ? c->stride[2] : 1; /* what lies between is not looked at */
  p->row_spacing = c->kernel[1] == 1 ? c->stride[1] : 1;
  p->x_length = (p->length - 1) * c->stride[2] / p->x_spacing + (p->taps - 1) * c->dilation[2] + 1;
  p->x_rows = (p->rows - 1) * c->stride[1] / p->row_spacing + (c->kernel[1] - 1) * c->dilation[1] + 1;
}

static void choose_panels(plan *p) {
  const kv_conv *c = &p->c;
  int64_t above = c->kernel[0] * c->kernel[1];
  if (p->depthwise) {
    p->lanes = p->width = KV_FILTER_LANES;
    p->x_panels = p->d_panels = up(c->groups * c->out, p->width);
    p->sum_panel = p->taps * p->lanes;
  } else {
    p->lanes = c->in < KV_FILTER_LANES ? c->in : KV_FILTER_LANES;
    p->width = p->kernels->width[p->wide];
    p->x_panels = up(c->in, p->lanes);
    p->d_panels = up(c->out, p->width);
    p->sum_panel = p->x_panels * p->taps * p->lanes * p->width;
  }
  p->sum_group = above * p->d_panels * p->sum_panel;
  p->sum_part = (p->depthwise ? 1 : c->groups) * p->sum_group;
  double work = (double)p->units * (double)(p->images * p->rows * p->length) * (double)p->sum_part;
  int64_t most = work / (double)PART_WORK > MOST_PARTS ? MOST_PARTS : (int64_t)(work / (double)PART_WORK) + 1;
  p->parts = SUMS_BYTES / (p->sum_part * p->size + 1);
  if (p->parts > most) p->parts = most;
  if (p->parts > p->units / FEW_TILES) p->parts = p->units / FEW_TILES;
  if (p->parts < 1) p->parts = 1;
  p->cuts = p->depthwise ? 1 : most / p->parts; /* each packs x again: only where there are too few parts */
  if (p->parts > MOST_PARTS / 2) p->cuts = 1;
  if (p->cuts > p->d_panels) p->cuts = p->d_panels;
}

kvino_status kv_convolve_filters(const kv_conv *c, char *filters, kvino_error *err) {
  plan p = {.c = *c, .filters = filters, .wide = c->dtype == KVINO_F64};
  int64_t taps = c->kernel[0] * c->kernel[1] * c->kernel[2], places = c->small[0] * c->small[1] * c->small[2];
  p.size = p.wide ? 8 : 4;
  if (!taps || !c->in || !c->groups || !c->out) return KVINO_OK;
  if (!c->batch || !places || !c->large[0] || !c->large[1] || !c->large[2]) {
    memset(filters, 0, (size_t)(taps * c->in * c->groups * c->out * p.size));
    return KVINO_OK;
  }
  p.kernels = &KV_BEST(kv_filter);
  p.depthwise = c->in == 1 && c->groups > 1;
  flatten(&p.c);
  p.taps = p.c.kernel[2];
  choose_tiles(&p);
  choose_panels(&p);
  size_t bytes = (size_t)(p.parts * p.sum_part * p.size);
  if (!(p.sums = kv_block_new(bytes)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a convolution's filters");
  kv_parallel((size_t)(p.parts * p.cuts), run_part, &p);
  int64_t rows = taps * c->in;
  if (!p.failed)
    kv_parallel_ranges((size_t)rows, (size_t)((1 << 16) / (c->groups * c->out * p.parts) + 1), collect, &p);
  kv_block_free(p.sums, bytes);
  return p.failed ? kv_fail(err, KVINO_NO_MEMORY, "out of memory for a convolution's filters") : KVINO_OK;
}
