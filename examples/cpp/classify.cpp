// What a classifier of Keras's says of an image (a .npy file): C++ around the C functions.
//
//   c++ -std=c++17 classify.cpp $(pkg-config --cflags --libs kvino) -o classify
//   ./classify model.keras image.npy
#include <kvino/kvino.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>

struct release {
  void operator()(kvino_model *m) const { kvino_model_release(m); }
  void operator()(kvino_tensor *t) const { kvino_tensor_release(t); }
};
using model = std::unique_ptr<kvino_model, release>;
using tensor = std::unique_ptr<kvino_tensor, release>;

// Statuses become exceptions.
template <typename... Parameters, typename... Arguments>
void call(kvino_status (*function)(Parameters...), Arguments... arguments) {
  kvino_error err;
  const kvino_status status = function(arguments..., &err);
  if (status) throw std::runtime_error(err.text);
}

static model load(const char *path) {
  kvino_model *m = nullptr;
  call(kvino_model_load, path, static_cast<const kvino_model_options *>(nullptr), &m);
  return model(m);
}

static tensor read(const char *path) {
  kvino_tensor *t = nullptr;
  call(kvino_npy_read, path, &t);
  return tensor(t);
}

static tensor run(const model &m, const tensor &input) {
  kvino_tensor *in[] = {input.get()};
  kvino_tensors out = {0, nullptr};
  call(kvino_model_run, m.get(), size_t{1}, static_cast<kvino_tensor *const *>(in), &out);
  tensor first(kvino_tensor_retain(out.v[0]));
  kvino_tensors_clear(&out);
  return first;
}

int main(int argc, char **argv) {
  if (argc != 3) return std::cerr << "usage: classify MODEL IMAGE.npy\n", 2;
  try {
    const tensor scores = run(load(argv[1]), read(argv[2]));
    const auto *first = static_cast<const float *>(kvino_tensor_data(scores.get()));
    const int64_t rows = kvino_tensor_shape(scores.get())[0], classes = kvino_tensor_size(scores.get()) / rows;
    for (int64_t i = 0; i < rows; i++) {
      const float *row = first + i * classes;
      std::cout << "image " << i << ": class " << std::max_element(row, row + classes) - row << "\n";
    }
  } catch (const std::exception &e) {
    return std::cerr << e.what() << "\n", 1;
  }
}
