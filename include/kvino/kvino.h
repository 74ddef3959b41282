/* kvino: Keras 3 on OpenVINO, in C. This header includes all the others. */
#ifndef KVINO_KVINO_H
#define KVINO_KVINO_H

#include "kvino/common.h"
#include "kvino/dtype.h"
#include "kvino/tensor.h"
#include "kvino/temporaries.h"
#include "kvino/device.h"
#include "kvino/settings.h"
#include "kvino/graph.h"
#include "kvino/gradient.h"
#include "kvino/info.h"
#include "kvino/op.h"
#include "kvino/model.h"
#include "kvino/trainer.h"
#include "kvino/ops.h"
#include "kvino/profile.h"
#include "kvino/strings.h"
#include "kvino/index.h"

#endif
