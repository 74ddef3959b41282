"""Texts and categories: saved, and computed, by TensorFlow, which these layers of Keras's are made of."""

import numpy as np

BACKEND = "tensorflow"

WORDS = ["a", "b", "see", "Ä ö", "cat", "dog"]
TEXTS = np.array(["The cat, the DOG!", "  see\ta\n\x0b cat ", "", "Ä ö ÄÖ", "a b a b see", "~!@#$%^&*()_+`-={}|[]\\:\";'<>?,./",
                  "don't; stop\xa0here \u2028 now", "MIXED case-words 日本 語", "x" * 70 + " y", "the the the"])


def strings(*shape):
    return np.random.default_rng(1).choice(np.array(WORDS + ["zebra", "", "[UNK]", "Cat", "q" * 40]), shape)


def alone(layer, shape=(1,), dtype="string", inputs=None):
    """A Sequential model of one layer, and its input."""

    def case(keras):
        model = keras.Sequential([keras.Input(shape, dtype=dtype), layer(keras.layers)])
        return model, [strings(5, *[n or 3 for n in shape]) if inputs is None else inputs]

    case.hdf5 = False  # it would have no assets
    return case


def integers(layer, shape=(4,), dtype="int64"):
    return alone(layer, shape, dtype, np.random.default_rng(2).choice([3, 5, 7, -1, 0, 12, 40000000000 if dtype == "int64" else 9], (5, *shape)).astype(dtype))


def adapted(layer, data, *args, **kwargs):
    def made(keras):
        layer_made = layer(keras)
        layer_made.adapt(data)
        return layer_made

    return alone(made, *args, **kwargs)


def text(layer, inputs=TEXTS[:, None], shape=(1,)):
    return alone(layer, shape, inputs=inputs)


def first_layers(keras):
    """Text and numbers in one model, as first layers of it."""
    words, number = keras.Input((1,), dtype="string", name="words"), keras.Input((2,), name="number")
    vectors = keras.layers.TextVectorization(output_sequence_length=6, vocabulary=["the", "cat", "dog", "see", "a"])(words)
    x = keras.layers.Embedding(7, 4, mask_zero=True)(vectors)
    x = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling1D()(x), number])
    model = keras.Model([words, number], keras.layers.Dense(3, activation="softmax")(x))
    return model, [TEXTS[:, None], np.random.default_rng(3).uniform(-1, 1, (len(TEXTS), 2)).astype("float32")]


def crossed(keras):
    a, b = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64")
    model = keras.Model([a, b], [keras.layers.HashedCrossing(50)([a, b]), keras.layers.HashedCrossing(7, output_mode="one_hot")([a, b])])
    return model, [strings(5, 1), np.arange(-2, 3).reshape(5, 1)]


def there_and_back(keras):
    x = keras.Input((3,), dtype="string")
    index = keras.layers.StringLookup(vocabulary=WORDS)(x)
    return keras.Model(x, keras.layers.StringLookup(vocabulary=WORDS, invert=True)(index)), [strings(5, 3)]


first_layers.hdf5 = crossed.hdf5 = there_and_back.hdf5 = False

CASES = {
    "lookup": alone(lambda k: k.StringLookup(vocabulary=WORDS)),
    "lookup_rows": alone(lambda k: k.StringLookup(vocabulary=WORDS, mask_token=""), (None,)),
    "lookup_of_oovs": alone(lambda k: k.StringLookup(vocabulary=WORDS, num_oov_indices=3), (4,)),
    "lookup_salted": alone(lambda k: k.StringLookup(vocabulary=WORDS, num_oov_indices=5, salt=[7, 9], oov_method="farmhash"), (4,)),
    "lookup_without_oov": alone(lambda k: k.StringLookup(vocabulary=WORDS, num_oov_indices=0, mask_token="q"), inputs=np.array([["a"], ["q"], ["dog"]])),
    "lookup_special_in_vocabulary": alone(lambda k: k.StringLookup(vocabulary=["", "[UNK]", "a", "b"], mask_token=""), (4,)),
    "lookup_one_hot": alone(lambda k: k.StringLookup(vocabulary=WORDS, output_mode="one_hot")),
    "lookup_one_hot_rows": alone(lambda k: k.StringLookup(vocabulary=WORDS, output_mode="one_hot", mask_token=""), (3,)),
    "lookup_multi_hot": alone(lambda k: k.StringLookup(vocabulary=WORDS, output_mode="multi_hot", mask_token=""), (None,)),
    "lookup_multi_hot_padded": alone(lambda k: k.StringLookup(vocabulary=WORDS, output_mode="multi_hot", max_tokens=12, pad_to_max_tokens=True), (4,)),
    "lookup_count": alone(lambda k: k.StringLookup(vocabulary=WORDS, output_mode="count", num_oov_indices=2), (7,)),
    "lookup_tf_idf": alone(lambda k: k.StringLookup(vocabulary=WORDS, output_mode="tf_idf", idf_weights=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), (7,)),
    "lookup_tf_idf_padded": alone(lambda k: k.StringLookup(vocabulary=WORDS, output_mode="tf_idf", idf_weights=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
                                                           max_tokens=9, pad_to_max_tokens=True), (7,)),
    "lookup_adapted": adapted(lambda k: k.StringLookup(mask_token=""), [["b", "a", "a", "see", "äö"]], (4,)),
    "lookup_adapted_tf_idf": adapted(lambda k: k.StringLookup(output_mode="tf_idf", max_tokens=6), [["b", "a"], ["a", "see"]], (4,)),
    "there_and_back": there_and_back,
    "invert": alone(lambda k: k.StringLookup(vocabulary=WORDS, invert=True, mask_token="-"), (4,), "int64", np.arange(-4, 16).reshape(5, 4)),
    "integers": integers(lambda k: k.IntegerLookup(vocabulary=[3, 5, 7])),
    "integers_small": integers(lambda k: k.IntegerLookup(vocabulary=[3, 5, 7], mask_token=0), dtype="int32"),
    "integers_oovs": integers(lambda k: k.IntegerLookup(vocabulary=[3, 5, 7], num_oov_indices=3)),
    "integers_farmhash": integers(lambda k: k.IntegerLookup(vocabulary=[3, 5, 7], num_oov_indices=9, oov_method="farmhash", salt=4)),
    "integers_count": integers(lambda k: k.IntegerLookup(vocabulary=[3, 5, 7], output_mode="count", mask_token=0)),
    "integers_invert": integers(lambda k: k.IntegerLookup(vocabulary=[30, 50, 70], invert=True)),
    "integers_adapted": adapted(lambda k: k.IntegerLookup(), np.array([[3, 3, 5], [7, 7, 7]]), (3,), "int64", np.array([[3, 5, 7], [1, 2, 3]])),
    "vectors": text(lambda k: k.TextVectorization(vocabulary=["the", "cat", "see", "a"])),
    "vectors_of_row": text(lambda k: k.TextVectorization(vocabulary=["the", "cat", "see", "a"]), TEXTS, ()),
    "vectors_of_length": text(lambda k: k.TextVectorization(vocabulary=["the", "cat", "see", "a"], output_sequence_length=3)),
    "vectors_longer": text(lambda k: k.TextVectorization(vocabulary=["the", "cat", "see", "a"], output_sequence_length=20)),
    "vectors_lower": text(lambda k: k.TextVectorization(vocabulary=["the", "cat,", "ä", "Ä"], standardize="lower")),
    "vectors_stripped": text(lambda k: k.TextVectorization(vocabulary=["The", "cat", "DOG"], standardize="strip_punctuation")),
    "vectors_as_they_are": text(lambda k: k.TextVectorization(vocabulary=["The", "cat,", "see\ta"], standardize=None, split=None, output_sequence_length=4),
                                np.array([["The", "cat,", "x"], ["see\ta", "", "The"]]), (3,)),
    "vectors_of_characters": text(lambda k: k.TextVectorization(vocabulary=list("thecadogÄö語 "), split="character", standardize=None)),
    "vectors_bigrams": text(lambda k: k.TextVectorization(vocabulary=["the", "cat the", "the dog", "a b"], ngrams=2)),
    "vectors_some_ngrams": text(lambda k: k.TextVectorization(vocabulary=["the the the", "the", "a b a"], ngrams=(3, 1), output_sequence_length=5)),
    "vectors_ngrams_of_rows": text(lambda k: k.TextVectorization(vocabulary=["a b", "b", "b "], ngrams=2, split=None), np.array([["a", "b", "c"], ["a b", "b", ""]]), (3,)),
    "vectors_multi_hot": text(lambda k: k.TextVectorization(vocabulary=["the", "cat", "see", "a"], output_mode="multi_hot")),
    "vectors_count": text(lambda k: k.TextVectorization(vocabulary=["the", "cat", "see", "a"], output_mode="count", max_tokens=9, pad_to_max_tokens=True)),
    "vectors_of_nothing": text(lambda k: k.TextVectorization(vocabulary=["the"], output_mode="count"), np.array([[""], [" "]])),
    "vectors_tf_idf": text(lambda k: k.TextVectorization(vocabulary=["the", "cat", "see", "a"], output_mode="tf_idf", idf_weights=[0.5, 1.5, 2.5, 3.5])),
    "vectors_adapted": text(lambda k: _adapt(k.TextVectorization(max_tokens=8, output_sequence_length=5))),
    "vectors_adapted_tf_idf": text(lambda k: _adapt(k.TextVectorization(output_mode="tf_idf", ngrams=2))),
    "hashing": alone(lambda k: k.Hashing(10), (3,)),
    "hashing_of_lengths": alone(lambda k: k.Hashing(2**40), (1,), inputs=np.array(["ab" * n + "c" * m for n in range(80) for m in range(2)])[:, None]),
    "hashing_salted": alone(lambda k: k.Hashing(2**40, salt=[133, 137]), (1,), inputs=np.array(["ab" * n + "c" * m for n in range(30) for m in range(2)])[:, None]),
    "hashing_one_salt": alone(lambda k: k.Hashing(10, salt=2**40 + 7), (3,)),
    "hashing_masked": alone(lambda k: k.Hashing(10, mask_value="a"), (3,)),
    "hashing_one_hot": alone(lambda k: k.Hashing(6, output_mode="one_hot")),
    "hashing_multi_hot": alone(lambda k: k.Hashing(6, output_mode="multi_hot"), (3,)),
    "hashing_count": alone(lambda k: k.Hashing(6, output_mode="count"), (9,)),
    "hashing_integers": integers(lambda k: k.Hashing(10, mask_value=5)),
    "hashing_floats": alone(lambda k: k.Hashing(100), (3,), "float32", np.array([[1.5, -2.7, 3e6]], "float32")),
    "crossed": crossed,
    "first_layers": first_layers,
}


def _adapt(layer):
    layer.adapt(TEXTS[:5])
    return layer
