"""model.export(): exporting a SavedModel needs TensorFlow or JAX."""


class OpenvinoExportArchive:
    def track(self, resource):
        raise NotImplementedError("kvino: exporting a SavedModel; use the TensorFlow or JAX backend for it")

    def add_endpoint(self, name, fn, input_signature=None, **kwargs):
        raise NotImplementedError("kvino: exporting a SavedModel; use the TensorFlow or JAX backend for it")


SavedModelExportArchive = OpenvinoExportArchive
