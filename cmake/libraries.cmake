# The libraries that kvino is built with, by pkg-config. Each can be left out (OFF); README's "Builds" says what becomes of it then.
option(KVINO_FILES "Read Keras's model files (needs HDF5, jansson and libzip); OFF: operators only" ON)
option(KVINO_ZIP "Read and write .npz (needs libzip)" ON)
option(KVINO_IMAGES "PNG and JPEG files in kvino run (libpng, libjpeg); OFF, or where one is not there: it says so" ON)
option(KVINO_SLEEF "Vector functions of SLEEF; OFF: the C library's" ON)
# That of the Python package scipy-openblas32 needs nothing but the C library and is therefore what wheels carry. Its names begin
# with scipy_, which its flags say.
set(KVINO_OPENBLAS openblas CACHE STRING "pkg-config's name of OpenBLAS: openblas, scipy-openblas; OFF: products by loops")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
set(KVINO_LINKED) # targets, and files without a pkg-config file
set(KVINO_MODULES) # pkg-config's names
set(KVINO_LEFT_OUT "src/cli/|_body\\.c$") # sources

macro(kvino_use name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
  list(APPEND KVINO_LINKED PkgConfig::${name})
  list(APPEND KVINO_MODULES ${module})
  string(APPEND KVINO_FIND_MODULES "pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})\n")
endmacro()

pkg_check_modules(xxhash REQUIRED libxxhash) # header only: nothing to link

if(KVINO_ZIP)
  kvino_use(libzip libzip)
  string(APPEND KVINO_LEFT_OUT "|src/tensor/npz_absent\\.c$")
else()
  string(APPEND KVINO_LEFT_OUT "|src/tensor/(npz|zip_member|zip_write)\\.c$")
endif()

if(KVINO_OPENBLAS)
  kvino_use(openblas ${KVINO_OPENBLAS})
  # A library that is named by its path counts as an option for pkg-config's module, which stands before the objects.
  foreach(flag IN LISTS openblas_LDFLAGS_OTHER)
    if(EXISTS ${flag})
      set_property(TARGET PkgConfig::openblas APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${flag})
    endif()
  endforeach()
  string(APPEND KVINO_LEFT_OUT "|src/kernels/linalg/.*_absent\\.c$")
else()
  string(APPEND KVINO_LEFT_OUT "|src/kernels/linalg/(blas|gemm_blas|lapack)\\.c$")
endif()

if(KVINO_SLEEF)
  kvino_use(sleef sleef)
else()
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/elementwise/elementwise_sleef_body.c
                              PROPERTIES COMPILE_DEFINITIONS KV_NO_SLEEF)
endif()
if(KVINO_IMAGES) # of the command, not of the library
  pkg_check_modules(png IMPORTED_TARGET libpng)
  pkg_check_modules(jpeg IMPORTED_TARGET libjpeg)
  if(NOT png_FOUND OR NOT jpeg_FOUND)
    message(STATUS "kvino run is built without PNG and JPEG")
  endif()
endif()
list(APPEND KVINO_LINKED Threads::Threads m ${CMAKE_DL_LIBS})

if(KVINO_FILES AND NOT KVINO_ZIP)
  message(FATAL_ERROR "KVINO_FILES needs KVINO_ZIP: .keras files are zip archives (-DKVINO_FILES=OFF goes without both)")
elseif(KVINO_FILES)
  pkg_check_modules(hdf5 REQUIRED IMPORTED_TARGET hdf5)
  find_library(hdf5_hl NAMES hdf5_hl hdf5_serial_hl HINTS ${hdf5_LIBRARY_DIRS} REQUIRED) # it has no pkg-config file
  list(APPEND KVINO_LINKED ${hdf5_hl})
  kvino_use(hdf5 hdf5)
  kvino_use(jansson jansson)
  string(APPEND KVINO_LEFT_OUT "|src/model/absent\\.c$")
else()
  string(APPEND KVINO_LEFT_OUT "|src/archive/|src/layers/|src/trainer/|src/model/[b-z]")
endif()

# Names of a library whose symbols have a prefix are given it where they are used.
function(kvino_rename_blas)
  if(NOT openblas_CFLAGS MATCHES "-DBLAS_SYMBOL_PREFIX=([a-z_]+)")
    return()
  endif()
  set(prefix ${CMAKE_MATCH_1})
  set(sources ${PROJECT_SOURCE_DIR}/src/kernels/linalg)
  file(STRINGS ${sources}/lapack.c declared REGEX "^extern ")
  string(REGEX REPLACE "extern [a-z_]+|;" " " declared "${declared}")
  string(REGEX MATCHALL "[a-z0-9]+_" names "${declared}")
  foreach(name IN LISTS names ITEMS cblas_sgemm cblas_dgemm cblas_cgemm cblas_zgemm cblas_sgemv cblas_dgemv
                                    openblas_set_num_threads openblas_get_num_threads openblas_set_num_threads_local)
    set_property(SOURCE ${sources}/blas.c ${sources}/gemm_blas.c ${sources}/lapack.c
                 APPEND PROPERTY COMPILE_DEFINITIONS ${name}=${prefix}${name})
  endforeach()
endfunction()
