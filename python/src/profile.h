/* kvino.Profile, for what profiles. */
#ifndef KVINO_PYTHON_PROFILE_H
#define KVINO_PYTHON_PROFILE_H

#include "core.h"
#include "graph.h"
#include "kvino/profile.h"

PyObject *profile_object_of(kvino_profile *p); /* takes it, also on failure */

#endif
