# A cross build on Debian: gcc-aarch64-linux-gnu, and qemu-user to run what it makes.
#   cmake -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake ...
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
