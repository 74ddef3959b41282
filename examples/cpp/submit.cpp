// Many runs on their way at once, their results gathered as they come.
//
//   c++ -std=c++17 submit.cpp $(pkg-config --cflags --libs kvino) -lpthread -o submit
//   ./submit model.keras input.npy 100
#include <kvino/kvino.h>

#include <atomic>
#include <cstdlib>
#include <iostream>

struct tally {
  std::atomic<int> good{0}, bad{0};
};

static void done(void *context, kvino_status status, const kvino_error *err, const kvino_tensors *out) {
  auto *t = static_cast<tally *>(context);
  if (status)
    std::cerr << err->text << "\n", t->bad++;
  else
    t->good += out->n > 0;
}

int main(int argc, char **argv) {
  if (argc != 4) return std::cerr << "usage: submit MODEL INPUT.npy RUNS\n", 2;
  kvino_model *model = nullptr;
  kvino_tensor *input = nullptr;
  kvino_error err;
  tally t;
  kvino_status status = kvino_model_load(argv[1], nullptr, &model, &err);
  if (!status) status = kvino_npy_read(argv[2], &input, &err);
  for (int i = 0; i < std::atoi(argv[3]) && !status; i++)
    status = kvino_model_submit(model, 1, &input, done, &t, &err);
  kvino_model_release(model);  // waits for all of them
  kvino_tensor_release(input);
  if (status) return std::cerr << err.text << "\n", 1;
  std::cout << t.good << " runs, " << t.bad << " failed\n";
  return t.bad ? 1 : 0;
}
