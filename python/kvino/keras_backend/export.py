"""model.export(): a SavedModel is written by TensorFlow."""


class OpenvinoExportArchive:
    def __init__(self):
        raise NotImplementedError(
            "kvino: a SavedModel cannot be exported. Save the model (model.save) and export it from there with the backend "
            "of TensorFlow or JAX: KERAS_BACKEND=jax."
        )


SavedModelExportArchive = OpenvinoExportArchive
