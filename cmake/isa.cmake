# Kernels that the compiler makes vectors of stand in *_body.c. Each is compiled once for every level of instructions, with that
# level's flags; KV_LEVEL and KV_LEVEL_BYTES tell it which (src/kernels/level.h). Elsewhere than on x86-64 there is one, scalar.
function(kvino_add_levels objects)
  file(GLOB_RECURSE bodies CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*_body.c)
  # Bits of NaN and infinity, computed with as integers, wrap.
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/elementwise/elementwise_sleef_body.c
                              PROPERTIES COMPILE_OPTIONS -fwrapv)
  set(levels scalar)
  set(scalar_bytes 16)
  set(scalar_flags)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(levels scalar avx2 avx512)
    set(avx2_bytes 32)
    set(avx2_flags -mavx2 -mfma -mbmi -mbmi2 -mf16c -mpopcnt -mlzcnt)
    set(avx512_bytes 64)
    set(avx512_flags ${avx2_flags} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi -mavx512vbmi2
        -mprefer-vector-width=512)
    target_compile_definitions(${objects} PUBLIC KV_X86_LEVELS)
  endif()
  foreach(level IN LISTS levels)
    set(target ${objects}_${level})
    add_library(${target} OBJECT ${bodies})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_compile_options(${target} PRIVATE ${KVINO_OPTIONS} ${${level}_flags})
    target_compile_definitions(${target} PRIVATE KV_LEVEL=${level} KV_LEVEL_BYTES=${${level}_bytes}
                               $<TARGET_PROPERTY:${objects},INTERFACE_COMPILE_DEFINITIONS>)
    if(KVINO_SLEEF)
      target_link_libraries(${target} PRIVATE PkgConfig::sleef)
    endif()
    target_sources(${objects} INTERFACE $<TARGET_OBJECTS:${target}>) # they go where the other objects go
    list(APPEND KVINO_LEVEL_OBJECTS $<TARGET_OBJECTS:${target}>)
  endforeach()
  set(KVINO_LEVEL_OBJECTS ${KVINO_LEVEL_OBJECTS} PARENT_SCOPE)
endfunction()
