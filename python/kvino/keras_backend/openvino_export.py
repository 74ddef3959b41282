"""model.export(format="openvino"), as Keras 3.16 asks for it."""


def get_model_for_openvino_export(*args):
    raise NotImplementedError(
        "kvino: the format 'openvino' cannot be exported. Save the model (model.save) and export it from there with another "
        "backend: KERAS_BACKEND=openvino."
    )
