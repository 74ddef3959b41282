# OpenBLAS by pkg-config: the system's, or that of the Python package scipy-openblas32, which needs nothing but the C library and
# is therefore what wheels carry. Its names begin with scipy_, which its flags say.
set(KVINO_OPENBLAS openblas CACHE STRING "pkg-config's name of OpenBLAS: openblas, scipy-openblas")
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET ${KVINO_OPENBLAS})
# A library that is named by its path counts as an option for pkg-config's module, which stands before the objects.
foreach(flag IN LISTS openblas_LDFLAGS_OTHER)
  if(EXISTS ${flag})
    set_property(TARGET PkgConfig::openblas APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${flag})
  endif()
endforeach()

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
    set_property(SOURCE ${sources}/blas.c ${sources}/gemm.c ${sources}/lapack.c
                 APPEND PROPERTY COMPILE_DEFINITIONS ${name}=${prefix}${name})
  endforeach()
endfunction()
