"""keras.distribution: the devices that OpenVINO found. Models are not divided among them."""

from kvino import _core


def _kind(name):
    return name.partition(".")[0].lower()


def list_devices(device_type=None):
    """One for each of OpenVINO's, as Keras writes them: "cpu:0", "gpu:1"."""
    counts, names = {}, []
    for device in _core.devices():
        kind = _kind(device.name)
        index = counts[kind] = counts.get(kind, -1) + 1
        if device_type is None or kind == device_type.lower():
            names.append(f"{kind}:{index}")
    return names


def get_device_count(device_type=None):
    return len(list_devices(device_type))


def _unsupported(what):
    def function(*args, **kwargs):
        raise NotImplementedError(
            f"kvino: {what}: a model runs on one device, which keras.device(...) or kvino.config.device chooses"
        )

    return function


def num_processes():
    return 1


def process_id():
    return 0


initialize = _unsupported("a distribution over several processes")
distribute_variable = _unsupported("variables distributed over devices")
distribute_tensor = _unsupported("tensors distributed over devices")
distribute_data_input = _unsupported("data distributed over devices")
_to_backend_mesh = _unsupported("a mesh of devices")
_to_backend_layout = _unsupported("a layout over devices")
