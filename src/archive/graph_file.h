/* Graphs as files of kvino's own (docs/files.md): a zip archive of two members that are not packed.
 *
 *   graph.json     {"format": "kvino graph", "version": 1, "constants": [...], "graph": {...}}
 *   constants.bin  the constants' bytes, each at a multiple of KV_ALIGN, so that they are used where they lie */
#ifndef KVINO_ARCHIVE_GRAPH_FILE_H
#define KVINO_ARCHIVE_GRAPH_FILE_H

#include "archive/zip.h"
#include "graph/graph.h"

/* What is read. A file of a later version is refused: it may mean another thing by the same words. */
enum { KV_GRAPH_FILE_VERSION = 1 };
#define KV_GRAPH_FORMAT "kvino graph"
#define KV_GRAPH_MEMBER "graph.json"
#define KV_CONSTANTS_MEMBER "constants.bin"

/* Whether the archive holds a graph. */
bool kv_graph_file_is(const kv_zip *zip);
/* The graph; nothing in it is computed. Errors: KVINO_IO with the member and the node. */
kvino_status kv_graph_file_read(kv_zip *zip, const char *name, kv_graph **out, kvino_error *err);

#endif
