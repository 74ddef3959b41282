# What `cmake --install` puts where, from one build tree. The C library is what is installed unless a component is asked for;
# component "python" is the content of the Python package (paths relative to site-packages), which scikit-build-core installs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Who links a static library links what it needs, too.
if(NOT BUILD_SHARED_LIBS)
  string(CONCAT KVINO_FIND_LIBRARIES "include(CMakeFindDependencyMacro)\nfind_dependency(Threads)\n"
                                     "find_dependency(PkgConfig)\n${KVINO_FIND_MODULES}")
  list(JOIN KVINO_MODULES " " pc_requires)
  set(pc_libs "${hdf5_hl} -lm -pthread -l${CMAKE_DL_LIBS}")
endif()

function(install_library libdir includedir component)
  configure_package_config_file(cmake/kvinoConfig.cmake.in ${component}/kvinoConfig.cmake
                                INSTALL_DESTINATION ${libdir}/cmake/kvino)
  install(TARGETS kvino EXPORT kvino_${component} LIBRARY DESTINATION ${libdir} NAMELINK_COMPONENT kvino_links
          COMPONENT ${component} ${ARGN} ARCHIVE DESTINATION ${libdir} COMPONENT ${component} ${ARGN} INCLUDES DESTINATION ${includedir})
  install(EXPORT kvino_${component} NAMESPACE kvino:: FILE kvinoTargets.cmake DESTINATION ${libdir}/cmake/kvino
          COMPONENT ${component} ${ARGN})
  install(DIRECTORY include/kvino DESTINATION ${includedir} COMPONENT ${component} ${ARGN}
          FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
  install(FILES ${PROJECT_BINARY_DIR}/${component}/kvinoConfig.cmake ${PROJECT_BINARY_DIR}/kvinoConfigVersion.cmake
          DESTINATION ${libdir}/cmake/kvino COMPONENT ${component} ${ARGN})

  # Where the file itself lies says where the rest is: the tree can be moved.
  file(RELATIVE_PATH pc_to_libdir /${libdir}/pkgconfig /${libdir})
  file(RELATIVE_PATH pc_to_includedir /${libdir}/pkgconfig /${includedir})
  configure_file(cmake/kvino.pc.in ${component}/kvino.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${component}/kvino.pc DESTINATION ${libdir}/pkgconfig COMPONENT ${component} ${ARGN})
endfunction()

write_basic_package_version_file(kvinoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install_library(${CMAKE_INSTALL_LIBDIR} ${CMAKE_INSTALL_INCLUDEDIR} kvino)

if(KVINO_PYTHON)
  install_library(kvino/lib kvino/include python EXCLUDE_FROM_ALL)
  # Instead of the link that -lkvino looks for.
  file(WRITE ${PROJECT_BINARY_DIR}/python.lib/libkvino.so "INPUT(libkvino.so.0)\n")
  install(FILES ${PROJECT_BINARY_DIR}/python.lib/libkvino.so DESTINATION kvino/lib COMPONENT python EXCLUDE_FROM_ALL)
  # Read by Python at start-up: KERAS_BACKEND=kvino works without an import of kvino in the program.
  install(FILES python/kvino_keras_switch.pth python/kvino_keras_switch.py python/kvino_command.py DESTINATION .
          COMPONENT python EXCLUDE_FROM_ALL)
endif()
