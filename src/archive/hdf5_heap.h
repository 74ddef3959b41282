/* A look at an HDF5 file before its library does: it believes the sizes in the heaps where texts stand. */
#ifndef KVINO_ARCHIVE_HDF5_HEAP_H
#define KVINO_ARCHIVE_HDF5_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Whether everything in the file that begins as a global heap collection is one whose objects lie inside of it. Offsets
 * and lengths must be of 8 bytes, as they are in every file of Keras's. */
bool kv_hdf5_heaps_are_sound(const char *at, size_t n);

#endif
