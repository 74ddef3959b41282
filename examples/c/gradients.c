/* How the result of a model depends on its input: the model as a graph, its derivative recorded beside it.
 *
 *   cc gradients.c $(pkg-config --cflags --libs kvino) -o gradients
 *   ./gradients model.keras input.npy gradient.npy */
#include <kvino/kvino.h>
#include <stdio.h>

int main(int argc, char **argv) {
  kvino_model *model = NULL;
  kvino_graph *graph = NULL;
  kvino_executable *derivative = NULL;
  kvino_temporaries *t = NULL; /* all tensors stand here, and go together */
  kvino_port port;
  kvino_error err;
  if (argc != 4) return fprintf(stderr, "usage: gradients MODEL INPUT.npy GRADIENT.npy\n"), 2;
  kvino_status status = kvino_temporaries_new(&t, &err);
  kvino_tensor **x = kvino_temporary(t), **in = kvino_temporary(t), **sum = kvino_temporary(t);
  kvino_tensors *out = kvino_temporary_list(t), *gradient = kvino_temporary_list(t), *values = kvino_temporary_list(t);
  if (!status) status = kvino_model_load(argv[1], NULL, &model, &err);
  if (!status) status = kvino_npy_read(argv[2], x, &err);
  /* A graph of one's own: the model's input is its parameter, the model's output one of its values. */
  if (!status) status = kvino_graph_new(&graph, &err);
  if (!status) status = kvino_model_input(model, 0, &port, &err);
  if (!status) status = kvino_graph_parameter(graph, port.dtype, port.rank, port.shape, "x", in, &err);
  if (!status) status = kvino_model_call(model, 1, in, out, &err);
  if (!status) status = kvino_sum(out->v[0], KVINO_NO_INTS, false, sum, &err);
  if (!status) status = kvino_gradients(1, sum, NULL, 1, in, gradient, &err);
  if (!status) status = kvino_graph_result(graph, gradient->v[0], "gradient", &err);
  if (!status) status = kvino_compile(graph, NULL, 0, NULL, &derivative, &err);
  if (!status) status = kvino_executable_run(derivative, 1, x, values, &err);
  if (!status) status = kvino_npy_write(argv[3], values->v[0], &err);
  if (status) fprintf(stderr, "%s\n", err.text);
  kvino_executable_release(derivative);
  kvino_temporaries_free(t);
  kvino_graph_release(graph);
  kvino_model_release(model);
  return status ? 1 : 0;
}
