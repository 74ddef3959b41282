"""Texts in Keras: what its layers of texts compute (keras/src/layers/preprocessing), on kvino's tensors of strings, so that they
stand in a model's graph and are traced with it. What comes from a tf.data pipeline is left to Keras, which has TensorFlow compute
it; as is the making of vocabularies (vocabularies.py, where TensorFlow is not)."""

import functools
import weakref

import numpy as np
from keras.src import tree

from kvino import _core
from kvino._core import Tensor
from kvino.keras_backend import vocabularies
from kvino.keras_backend.operators import operators
from kvino.ragged import RaggedTensor

_strings, _numpy, _core_ops = operators("strings"), operators("numpy"), operators("core")
_cast = _core_ops["cast"]


class Texts(np.ndarray):
    """An array of texts for Keras's data adapters, which ask any dtype but this one whether it is a float: strings are none that
    they know."""

    dtype = object


def _holds_texts(x):
    if not isinstance(x, np.ndarray) or x.dtype is object:
        return False
    kind = x.dtype.kind
    return kind in "UST" or (kind == "O" and x.size > 0 and all(isinstance(text, (str, bytes)) for text in x.flat))


def as_data(x):
    """The structure with arrays of texts as Keras's loops take them."""
    return tree.map_structure(lambda a: a.view(Texts) if _holds_texts(a) else a, x)


def as_tensors(x):
    """The structure as tensors where one of its arrays holds texts, of which Keras knows no dtype."""
    if not any(isinstance(a, Texts) or _holds_texts(a) for a in tree.flatten(x)):
        return x
    return tree.map_structure(lambda a: a if a is None else _core.convert_to_tensor(a), x)


# ---- categories ----


def _encode(x, mode, depth, dtype, sparse=False):
    """Indices, of which -1 is none, as keras.src.utils.numerical_utils encodes them: counted by rows, not over one-hot ones."""
    from keras.src.utils import numerical_utils

    if sparse:
        return numerical_utils.encode_categorical_inputs(x, mode, depth, dtype, sparse=True)
    if mode in ("multi_hot", "count", "tf_idf") and x.ndim <= 2:
        n = _strings["category_counts"](x, depth)
        return _cast(_numpy["greater"](n, 0) if mode == "multi_hot" else n, dtype)
    return numerical_utils.encode_categorical_inputs(x, "count" if mode == "tf_idf" else mode, depth, dtype)


# ---- lookups ----

_vocabularies = weakref.WeakKeyDictionary()


def _vocabulary(layer):
    """(terms and behind them the mask token, their number), kept until the layer gets another table."""
    kept = _vocabularies.get(layer)
    if kept is None or kept[0] is not layer.lookup_table:
        terms = list(layer.get_vocabulary(include_special_tokens=False))
        n = len(terms)
        if layer.mask_token is not None:
            terms.append(layer.mask_token)
        string = layer.vocabulary_dtype == "string"
        keys = _core.convert_to_tensor(np.array(terms, object if string else "int64"), layer.vocabulary_dtype)
        kept = _vocabularies[layer] = layer.lookup_table, keys, n
    return kept[1:]


def _known_vocabulary(layer):
    terms, n = _vocabulary(layer)
    if not n:
        raise RuntimeError(f"layer {layer.name} has no vocabulary: pass a `vocabulary` argument to it, or call `adapt` with some sample data")
    return terms, n


def _terms_of(layer, x, terms, n):
    oov = _core.convert_to_tensor([layer.oov_token], layer.vocabulary_dtype)
    x = _cast(x, "int64")
    at = x - (layer._token_start_index() - 1)
    at = _numpy["where"](_numpy["logical_and"](at > 0, at <= n), at, 0)
    if layer.mask_token is not None:
        at = _numpy["where"](x == 0, n + 1, at)
    return _numpy["take"](_numpy["concatenate"]([oov, terms], axis=0), at)


def _oov_of(layer, x):
    if layer.num_oov_indices < 2:
        return layer._oov_start_index()
    if layer.vocabulary_dtype != "string" and layer.oov_method != "farmhash":
        bins = _numpy["mod"](x, layer.num_oov_indices)
    else:
        bins = _strings["hash_buckets"](x, layer.num_oov_indices, layer.salt)
    return bins + layer._oov_start_index()


def _look_up(layer, x, terms, n):
    """As IndexLookup.call."""
    if layer.invert:
        return _terms_of(layer, x, terms, n)
    layer._ensure_known_vocab_size()
    place = _strings["string_lookup"](x, terms, layer.num_oov_indices == 0)
    index = _numpy["where"](place < 0, _oov_of(layer, x), place + layer._token_start_index())
    if layer.mask_token is not None:
        index = _numpy["where"](place == n, 0 if layer.output_mode == "int" else -1, index)
    if layer.output_mode == "int":
        return index
    depth = layer.max_tokens if layer.pad_to_max_tokens else layer._frozen_vocab_size
    if layer.output_mode != "tf_idf":
        return _encode(index, layer.output_mode, depth, "int64")
    weights = _core.convert_to_tensor(np.asarray(layer.idf_weights_const))
    return _encode(index, "tf_idf", depth, weights.dtype) * weights


def _lookup(layer, inputs, original):
    terms, n = _known_vocabulary(layer)
    dtype = "int64" if layer.invert else layer.vocabulary_dtype
    return _look_up(layer, _core.convert_to_tensor(inputs, dtype), terms, n)


def _parts(layer, inputs):
    """The parts of texts, as TextVectorization._preprocess, shorter rows filled up with empty strings."""
    standardize, split = layer._standardize, layer._split
    if callable(split):
        raise NotImplementedError(
            "TextVectorization calls a `split` of one's own with TensorFlow's tensors: this needs TensorFlow (pip install tensorflow-cpu)"
        )
    x = _core.convert_to_tensor(inputs, "string")
    if callable(standardize):
        x = _core.convert_to_tensor(np.asarray(standardize(np.char.decode(np.asarray(x).astype("S"), layer._encoding))), "string")
    elif standardize is not None:
        x = _strings["string_standardize"](x, standardize != "strip_punctuation", standardize != "lower")
    if split is not None and x.ndim > 1:
        if x.shape[-1] != 1:
            raise ValueError(
                "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape dimension "
                f"must be 1. Received: inputs.shape={x.shape} with rank={x.ndim}"
            )
        x = _numpy["squeeze"](x, axis=-1)
    return _strings["string_split"](x, split, layer._ngrams)


def _vectorize(layer, inputs, original):
    """As TextVectorization.call."""
    lookup = layer._lookup_layer
    if vocabularies.has_tensorflow() and (callable(layer._standardize) or callable(layer._split)):
        return original(layer, inputs)
    x = _look_up(lookup, _parts(layer, inputs), *_known_vocabulary(lookup))
    length = layer._output_sequence_length
    if layer._output_mode != "int" or length is None:
        return x
    # As many zeros behind as there can be missing, and then the first ones of all.
    x = _numpy["pad"](x, [(0, 0)] * (x.ndim - 1) + [(0, length)])
    return x[..., :length]


# ---- hashing ----


def _hash(layer, inputs, original):
    """As Hashing.call."""
    x, bins, mask = _core.convert_to_tensor(inputs), layer.num_bins, None
    if layer.output_mode == "one_hot" and x.ndim and x.shape[-1] == 1:
        x = _numpy["squeeze"](x, axis=-1)
    if layer.mask_value is not None and bins > 1:
        bins -= 1
        if x.dtype == "string":
            mask = _strings["string_lookup"](x, [layer.mask_value]) == 0
        else:
            mask = x == layer.mask_value
    if x.dtype != "string":
        x = _cast(x, "int64")
    x = _strings["hash_buckets"](x, bins, layer.salt)
    if mask is not None:
        x = _numpy["where"](mask, 0, x + 1)
    return _encode(x, layer.output_mode, layer.num_bins, layer.dtype, layer.sparse)


def _cross(layer, inputs, original):
    """As HashedCrossing.call."""
    layer._check_at_least_two_inputs(inputs)
    tensors = [_core.convert_to_tensor(x) for x in inputs]
    if any(x.ndim > 2 or (x.ndim == 2 and x.shape[-1] != 1) for x in tensors):
        raise ValueError(
            f"All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. Received: inputs={inputs}"
        )
    if any(x.dtype != "string" and "int" not in x.dtype for x in tensors):
        raise ValueError(f"All `HashedCrossing` inputs should have an integer or string dtype. Received: inputs={inputs}")
    return _encode(_strings["hashed_cross"](tensors, layer.num_bins), layer.output_mode, layer.num_bins, layer.compute_dtype)


# ---- the layers ----

_PACKAGE = "keras.src.layers.preprocessing."
_CALLS = {
    "string_lookup.StringLookup": _lookup,
    "integer_lookup.IntegerLookup": _lookup,
    "text_vectorization.TextVectorization": _vectorize,
    "hashing.Hashing": _hash,
    "hashed_crossing.HashedCrossing": _cross,
}


def _is_ours(x):
    return isinstance(x, (Tensor, np.ndarray, np.generic, str, bytes, int, float))


def computes(layer_class):
    """Called for each class of layers: those of Keras's that TensorFlow would compute get a `call` of ours."""
    name = f"{layer_class.__module__}.{layer_class.__name__}"
    if not name.startswith(_PACKAGE):
        return
    vocabularies.stand_in(layer_class)
    ours = _CALLS.get(name.removeprefix(_PACKAGE))
    if ours is None:
        return
    original = layer_class.call
    if ours is _vectorize and not vocabularies.has_tensorflow():
        layer_class._preprocess = _parts  # what `adapt` counts

    @functools.wraps(original)
    def call(self, inputs):
        if isinstance(inputs, RaggedTensor) and getattr(self, "output_mode", None) == "int":
            return inputs.with_flat_values(ours(self, inputs.flat_values, original))
        if all(_is_ours(x) for x in tree.flatten(inputs)):
            return ours(self, inputs, original)
        return original(self, inputs)

    layer_class.call = call
