/* kvino bench: how fast a model runs, by the options of OpenVINO's benchmark_app. */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cli.h"

typedef struct request {
  const char *model, *device, *hint, *shape, *precision, *json, *html, *streams, *threads;
  long long iterations, batch, requests;
  double seconds;
  bool counters;
} request;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6; /* milliseconds */
}

/* ---- runs ---- */

/* What the threads share. */
typedef struct race {
  kvino_model *model;
  const kvino_tensors *in;
  pthread_mutex_t lock;
  long long left;    /* runs to begin; below 0: as many as there is time for */
  long long runs;    /* of them in all; 0: as many as there is time for */
  double begin, end; /* when no more are begun */
  size_t n, capacity;
  double *took;
  kvino_status status;
  kvino_error err;
} race;

static bool may_begin(race *r) {
  pthread_mutex_lock(&r->lock);
  bool may = !r->status && r->left && now() < r->end;
  if (may && r->left > 0) r->left--;
  pthread_mutex_unlock(&r->lock);
  return may;
}

static void note(race *r, double took, kvino_status status, const kvino_error *err) {
  pthread_mutex_lock(&r->lock);
  if (!status && r->n == r->capacity) {
    size_t more = r->capacity ? 2 * r->capacity : 1024;
    double *longer = realloc(r->took, more * sizeof *longer);
    if (longer) {
      r->took = longer;
      r->capacity = more;
    } else {
      r->status = tell(&r->err, KVINO_NO_MEMORY, "out of memory");
    }
  }
  if (status && !r->status) {
    r->status = status;
    r->err = *err;
  }
  if (!r->status) r->took[r->n++] = took;
  progress(r->runs ? (double)r->n / (double)r->runs : (now() - r->begin) / (r->end - r->begin));
  pthread_mutex_unlock(&r->lock);
}

static void *run_many(void *shared) {
  race *r = shared;
  while (may_begin(r)) {
    kvino_error err = {KVINO_OK, ""};
    kvino_tensors out = {0, NULL};
    double begin = now();
    kvino_status status = kvino_model_run(r->model, r->in->n, r->in->v, &out, &err);
    note(r, now() - begin, status, &err);
    kvino_tensors_clear(&out);
  }
  return NULL;
}

enum { MOST_REQUESTS = 1024 };

static kvino_status run_all(race *r, long long requests) {
  pthread_t thread[MOST_REQUESTS];
  long long n = 0;
  while (n + 1 < requests && !pthread_create(&thread[n], NULL, run_many, r)) n++;
  run_many(r);
  while (n--) pthread_join(thread[n], NULL);
  return r->status;
}

/* ---- figures ---- */

enum { BINS = 20 };

typedef struct figures {
  double load, first, total, least, most, mean, median, p90, p95, p99, per_second;
  size_t bin[BINS];
} figures;

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The value that this part of all are not above. */
static double percentile(const race *r, double part) {
  size_t i = (size_t)(part * (double)r->n);
  return r->took[i < r->n ? i : r->n - 1];
}

/* The bins go from the least to the 99th percentile: a few slow runs would leave nothing to see. */
static void count_up(race *r, double batch, figures *f) {
  qsort(r->took, r->n, sizeof *r->took, by_size);
  f->least = r->took[0];
  f->most = r->took[r->n - 1];
  f->median = percentile(r, 0.5);
  f->p90 = percentile(r, 0.9);
  f->p95 = percentile(r, 0.95);
  f->p99 = percentile(r, 0.99);
  f->per_second = (double)r->n * batch / f->total * 1e3;
  for (size_t i = 0; i < r->n; i++) {
    double part = f->p99 > f->least ? (r->took[i] - f->least) / (f->p99 - f->least) * BINS : 0;
    f->bin[part < BINS ? (int)part : BINS - 1]++;
    f->mean += r->took[i] / (double)r->n;
  }
}

static size_t highest(const figures *f) {
  size_t most = 1;
  for (int i = 0; i < BINS; i++)
    if (f->bin[i] > most) most = f->bin[i];
  return most;
}

static double bin_begin(const figures *f, int i) { return f->least + (f->p99 - f->least) * i / BINS; }

static void print_figures(const figures *f, const race *r) {
  printf("Load:          %10.2f ms\nFirst run:     %10.2f ms (compiles)\nCount:         %10zu runs\n", f->load,
         f->first, r->n);
  printf("Duration:      %10.2f ms\nLatency:\n", f->total);
  printf("   Median:     %10.3f ms\n   Average:    %10.3f ms\n   Min:        %10.3f ms\n   Max:        %10.3f ms\n",
         f->median, f->mean, f->least, f->most);
  printf("   90%%:        %10.3f ms\n   95%%:        %10.3f ms\n   99%%:        %10.3f ms\n", f->p90, f->p95, f->p99);
  printf("Throughput:    %10.2f a second\n\n", f->per_second);
  for (int i = 0; i < BINS; i++) {
    static const char bar[] = "########################################";
    int length = (int)(f->bin[i] * (sizeof bar - 1) / highest(f));
    printf("%10.3f ms %s %.*s%s%zu\n", bin_begin(f, i), "|", length, bar, length ? " " : "", f->bin[i]);
  }
}

static kvino_status open_file(const char *path, FILE **out, kvino_error *err) {
  *out = fopen(path, "w");
  return *out ? KVINO_OK : tell(err, KVINO_IO, "%s: cannot be written", path);
}

static kvino_status close_file(FILE *to, const char *path, kvino_error *err) {
  bool bad = ferror(to) != 0;
  return fclose(to) || bad ? tell(err, KVINO_IO, "%s: cannot be written", path) : KVINO_OK;
}

static kvino_status write_json(const request *q, const figures *f, const race *r, kvino_error *err) {
  FILE *to;
  kvino_status status = open_file(q->json, &to, err);
  if (status) return status;
  fputs("{\"configuration_setup\": {\"model\": ", to);
  put_json(to, q->model);
  fputs(", \"target_device\": ", to);
  put_json(to, q->device ? q->device : "CPU");
  fprintf(to, ", \"batch_size\": %lld, \"nireq\": %lld}, \"execution_results\": {", q->batch ? q->batch : 1,
          q->requests);
  fprintf(to, "\"read_model_time_ms\": %g, \"first_inference_time_ms\": %g, \"iterations_num\": %zu, ", f->load,
          f->first, r->n);
  fprintf(to, "\"execution_time_ms\": %g, \"latency_ms\": {\"median\": %g, \"avg\": %g, \"min\": %g, \"max\": %g, ",
          f->total, f->median, f->mean, f->least, f->most);
  fprintf(to, "\"p90\": %g, \"p95\": %g, \"p99\": %g}, \"throughput_fps\": %g}}\n", f->p90, f->p95, f->p99,
          f->per_second);
  return close_file(to, q->json, err);
}

static void put_escaped(FILE *to, const char *text) {
  for (; *text; text++) {
    if (*text == '<' || *text == '&')
      fputs(*text == '<' ? "&lt;" : "&amp;", to);
    else
      fputc(*text, to);
  }
}

static kvino_status write_html(const request *q, const figures *f, const race *r, kvino_error *err) {
  FILE *to;
  kvino_status status = open_file(q->html, &to, err);
  if (status) return status;
  fputs("<!doctype html><meta charset=utf-8><title>kvino bench</title>"
        "<style>body{font:14px sans-serif;margin:2em}td{padding:0 1em 0 0;text-align:right}</style><h1>",
        to);
  put_escaped(to, q->model);
  fprintf(to, "</h1><p>%zu runs, %.2f a second; milliseconds:</p><table><tr>", r->n, f->per_second);
  fprintf(to, "<td>median<td>average<td>min<td>max<td>90%%<td>95%%<td>99%%<tr><td>%.3f<td>%.3f<td>%.3f<td>%.3f",
          f->median, f->mean, f->least, f->most);
  fprintf(to, "<td>%.3f<td>%.3f<td>%.3f</table><svg width=720 height=%d>", f->p90, f->p95, f->p99, BINS * 18 + 10);
  for (int i = 0; i < BINS; i++)
    fprintf(to,
            "<text x=0 y=%d>%.3f</text><rect x=80 y=%d width=%zu height=14 fill='#4a7ebb'/><text x=%zu y=%d>%zu</text>",
            i * 18 + 14, bin_begin(f, i), i * 18 + 2, f->bin[i] * 560 / highest(f), 86 + f->bin[i] * 560 / highest(f),
            i * 18 + 14, f->bin[i]);
  fputs("</svg>\n", to);
  return close_file(to, q->html, err);
}

/* ---- the command ---- */

static kvino_status measure(const request *q, kvino_model *model, const kvino_tensors *in, figures *f, race *r) {
  kvino_tensors out = {0, NULL};
  kvino_status status;
  double begin = now();
  if ((status = kvino_model_run(model, in->n, in->v, &out, &r->err))) return status;
  kvino_tensors_clear(&out);
  f->first = now() - begin;
  r->left = q->iterations ? q->iterations : -1;
  r->runs = q->iterations;
  r->end = now() + (q->seconds > 0 ? q->seconds * 1e3 : q->iterations ? 1e12 : 10e3);
  r->begin = now();
  status = run_all(r, q->requests);
  f->total = now() - r->begin;
  progress_end();
  if (status) return status;
  if (!r->n) return tell(&r->err, KVINO_INVALID, "no run was made in the time given");
  const kvino_tensor *first = in->n ? in->v[0] : NULL;
  bool rows = first && kvino_tensor_rank(first) > 0;
  count_up(r, rows ? (double)kvino_tensor_shape(first)[0] : 1, f);
  return KVINO_OK;
}

static int work(const command *self, const request *q) {
  kvino_property property[4];
  kvino_model_options options = {.device = q->device, .properties = property};
  const char *const given[][2] = {
      {"performance_hint", q->hint}, {"streams", q->streams}, {"threads", q->threads}, {"precision", q->precision}};
  for (size_t i = 0; i < sizeof given / sizeof *given; i++)
    if (given[i][1]) property[options.n_properties++] = (kvino_property){given[i][0], given[i][1]};
  kvino_model *model = NULL;
  kvino_tensors in = {0, NULL};
  figures f = {0};
  race r = {.lock = PTHREAD_MUTEX_INITIALIZER};
  double begin = now();
  kvino_status status = kvino_model_load(q->model, &options, &model, &r.err);
  f.load = now() - begin;
  if (!status) status = draw_inputs(model, q->shape, q->batch, &in, &r.err);
  r.model = model;
  r.in = &in;
  if (!status) status = measure(q, model, &in, &f, &r);
  if (!status) print_figures(&f, &r);
  if (!status && q->json) status = write_json(q, &f, &r, &r.err);
  if (!status && q->html) status = write_html(q, &f, &r, &r.err);
  if (!status && q->counters) status = print_profile(model, q->device, &in, 10, NULL, &r.err);
  drop_inputs(&in);
  free(r.took);
  kvino_model_release(model);
  return status ? fail(self, "%s", r.err.text) : DONE;
}

/* OpenVINO's own words besides numbers. */
static bool read_streams(const command *self, const char *text) {
  long long n;
  return !strcasecmp(text, "auto") || !strcasecmp(text, "numa") || read_count(self, "-nstreams", text, 0, &n);
}

static int run(const command *self, int argc, char **argv) {
  enum { HINT = 256, SHAPE, PRECISION, JSON, HTML, STREAMS, THREADS, ITERATIONS, REQUESTS, COUNTERS };
  static const struct option options[] = {{"hint", required_argument, NULL, HINT},
                                          {"shape", required_argument, NULL, SHAPE},
                                          {"infer_precision", required_argument, NULL, PRECISION},
                                          {"json_stats", required_argument, NULL, JSON},
                                          {"html", required_argument, NULL, HTML},
                                          {"nstreams", required_argument, NULL, STREAMS},
                                          {"nthreads", required_argument, NULL, THREADS},
                                          {"niter", required_argument, NULL, ITERATIONS},
                                          {"nireq", required_argument, NULL, REQUESTS},
                                          {"pc", no_argument, NULL, COUNTERS},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  request q = {0};
  long long n = 0;
  double requests = 0;
  for (int c; (c = getopt_long_only(argc, argv, "m:d:t:b:h", options, NULL)) != -1;) {
    bool good = true;
    switch (c) {
    case 'm':
      q.model = optarg;
      break;
    case 'd':
      q.device = optarg;
      break;
    case HINT:
      q.hint = strcmp(optarg, "none") ? optarg : NULL;
      break;
    case SHAPE:
      q.shape = optarg;
      break;
    case PRECISION:
      q.precision = optarg;
      break;
    case JSON:
      q.json = optarg;
      break;
    case HTML:
      q.html = optarg;
      break;
    case STREAMS:
      good = read_streams(self, optarg);
      q.streams = optarg;
      break;
    case THREADS:
      good = read_count(self, "-nthreads", optarg, 0, &n);
      q.threads = optarg;
      break;
    case COUNTERS:
      q.counters = true;
      break;
    case 't':
      good = read_number(self, "-t", optarg, false, 1e-3, 1e6, &q.seconds);
      break;
    case 'b':
      good = read_count(self, "-b", optarg, 1, &q.batch);
      break;
    case ITERATIONS:
      good = read_count(self, "-niter", optarg, 1, &q.iterations);
      break;
    case REQUESTS:
      good = read_number(self, "-nireq", optarg, true, 1, MOST_REQUESTS, &requests);
      q.requests = (long long)requests;
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
    if (!good) return misuse(self, NULL);
  }
  if (!q.model && optind < argc) q.model = argv[optind++];
  if (!q.model || optind < argc) return misuse(self, "which model file?");
  kvino_info info;
  kvino_info_get(&info);
  if (!q.requests) q.requests = q.hint && strstr(q.hint, "throughput") ? info.threads : 1;
  return work(self, &q);
}

const command bench_command = {
    "bench",
    "MODEL [-d DEVICE] [-hint HINT] [-niter N | -t SECONDS]",
    "Measure how fast a model file runs.",
    "\n"
    "Options, spelled as OpenVINO's benchmark_app has them:\n"
    "  -d DEVICE               CPU (the default), GPU, NPU, AUTO, ... or native\n"
    "  -hint HINT              latency, throughput, cumulative_throughput, none\n"
    "  -niter N                as many runs; -t SECONDS: for so long (10, unless -niter is given)\n"
    "  -b N                    the batch\n"
    "  -shape SHAPES           \"[1,224,224,3]\" or \"x[1,8],y[1]\"; lengths that are not known are 1\n"
    "  -nireq N                runs at a time (1; with throughput as many as there are threads)\n"
    "  -nstreams N             streams; -nthreads N: threads; -infer_precision T: f32, bf16, f16\n"
    "  -pc                     the time of each layer, too\n"
    "  -json_stats FILE        the figures as JSON; -html FILE: as a page with a histogram\n"
    "  -h, --help              this text\n",
    run,
};
