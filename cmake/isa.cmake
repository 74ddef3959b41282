# Inner loops of one ISA stand in files that end with its name (nonzero_avx2.c). They are compiled with that ISA's flags
# where the target has it, and without any elsewhere: each file then leaves only what says that the ISA is absent.
function(kvino_set_isa_flags)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    return()
  endif()
  set(avx2 -mavx2 -mfma -mbmi -mbmi2 -mf16c -mpopcnt -mlzcnt)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi -mavx512vbmi2 -mprefer-vector-width=512)
  foreach(source IN LISTS ARGN)
    if(source MATCHES "_(avx2|avx512)\\.c$")
      set(flags ${${CMAKE_MATCH_1}})
      if(source MATCHES "elementwise_sleef_") # bits of NaN and infinity, computed with as integers, wrap
        list(APPEND flags -fwrapv)
      endif()
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${flags}")
    endif()
  endforeach()
endfunction()
