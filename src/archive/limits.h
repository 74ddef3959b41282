/* How much a file may ask for. Files are hostile: what is beyond these is refused before memory is taken for it. */
#ifndef KVINO_ARCHIVE_LIMITS_H
#define KVINO_ARCHIVE_LIMITS_H

enum {
  KV_MOST_JSON = 64 << 20,           /* bytes of a configuration */
  KV_MOST_MEMBERS = 1 << 16,         /* members of an archive */
  KV_MOST_DEPTH = 64,                /* of groups in an HDF5 file, and of models in models */
  KV_MOST_ATTRIBUTE = 64 << 20,      /* bytes of an attribute */
  KV_MEMORY_OF_A_READER = 256 << 20, /* bytes that the process of an HDF5 file may take besides a data set's */
  KV_SECONDS_OF_A_READER = 2,        /* of processor time, and one more for each ... */
  KV_BYTES_A_SECOND = 16 << 20,      /* ... of the file */
  KV_MOST_PACKED = 1032,             /* DEFLATE cannot make more bytes of one ... */
  KV_PACKED_SLACK = 1024             /* ... but for the few of a short block */
};

#endif
