# What `cmake --install` puts where. Component "kvino" is the C library for the system; component "python" is the content
# of the Python package (paths relative to site-packages), which scikit-build-core installs alone.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(SKBUILD)
  install(TARGETS kvino LIBRARY DESTINATION kvino/lib COMPONENT python NAMELINK_SKIP)
  # Read by Python at start-up: KERAS_BACKEND=kvino works without an import of kvino in the program.
  install(FILES python/kvino_keras_switch.pth python/kvino_keras_switch.py DESTINATION . COMPONENT python)
else()
  install(TARGETS kvino EXPORT kvino COMPONENT kvino)
  install(DIRECTORY include/kvino DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT kvino
          FILES_MATCHING PATTERN "*.h" PATTERN "*.def")

  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kvino)
  configure_package_config_file(cmake/kvinoConfig.cmake.in kvinoConfig.cmake INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(kvinoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(EXPORT kvino NAMESPACE kvino:: FILE kvinoTargets.cmake DESTINATION ${package_dir} COMPONENT kvino)
  install(FILES ${PROJECT_BINARY_DIR}/kvinoConfig.cmake ${PROJECT_BINARY_DIR}/kvinoConfigVersion.cmake
          DESTINATION ${package_dir} COMPONENT kvino)

  configure_file(cmake/kvino.pc.in kvino.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/kvino.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT kvino)
endif()
