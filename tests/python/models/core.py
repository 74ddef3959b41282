"""Core layers, and how models are joined from layers."""


def mlp(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((4,)), k.Dense(8, "relu"), k.Dropout(0.5), k.Dense(3, "softmax")])


def shared(keras):
    k = keras.layers
    a, b, dense = keras.Input((4,), name="a"), keras.Input((4,), name="b"), k.Dense(5, name="twice")
    return keras.Model([a, b], k.Add()([dense(a), dense(b)]))


def nested(keras):
    k = keras.layers
    x = keras.Input((6,))
    inner = keras.Sequential([keras.Input((5,)), k.Dense(4, "tanh"), k.BatchNormalization(), k.Dense(5)], name="inner")
    y = keras.Input((5,))
    branch = keras.Model(y, [k.Dense(2)(y), k.Dense(3)(y)], name="branch")
    first = inner(k.Dense(5)(x))
    p, q = branch(inner(first))
    return keras.Model(x, {"small": p, "large": k.Concatenate(name="joined")([q, p])})


nested.weights_apart = True


def shared_model(kind):
    """A model that is called several times, the later calls' results among the outputs."""

    def case(keras):
        k = keras.layers
        x, y = keras.Input((3,)), keras.Input((3,))
        inner = keras.Model(y, k.Dense(3, "tanh")(y)) if kind == "functional" else keras.Sequential([k.Dense(3, "tanh")])
        first = inner(x)
        second = inner(k.Dense(3)(first))
        return keras.Model(x, [inner(second), first, second] if kind == "functional" else [second, first])

    return case


def policies_by_name(keras):
    k, policies = keras.layers, keras.dtype_policies.DTypePolicyMap("float32")
    for key, policy in {"half": "mixed_float16", "all.*16": "float16", "other/half": "bfloat16", "mha": "float64"}.items():
        policies[key] = policy
    x = keras.Input((4, 6))
    y = k.Dense(5, dtype=policies, name="plain")(x)
    y = k.Dense(5, dtype=policies, name="half")(y)
    return keras.Model(x, [y, k.Dense(4, dtype=policies, name="all_16")(y), k.GRU(3, name="none", dtype=keras.dtype_policies.DTypePolicyMap("float64"))(x)])


def named_inputs(keras):
    k = keras.layers
    a, b = keras.Input((4,), name="zeta"), keras.Input((3,), name="alpha")
    return keras.Model({"zeta": a, "alpha": b}, k.Concatenate()([k.Dense(2)(a), b]))


def operators(keras):
    x = keras.Input((5,))
    y = keras.ops.exp(x * 2 - 1) / (1 + keras.ops.sum(x**2, axis=-1, keepdims=True))
    return keras.Model(x, keras.ops.concatenate([y, x], axis=1))


def operators_of_all_kinds(keras):
    ops = keras.ops
    x, i = keras.Input((4, 6)), keras.Input((4,), dtype="int32")
    parts = [
        x[:, 1:3, ::2],
        x[..., 0],
        x[:, -1],
        ops.mean(x, axis=(1, 2)),
        ops.max(x, axis=1),
        ops.reshape(x, (-1, 24)),
        ops.transpose(x, (0, 2, 1)),
        ops.softmax(x, axis=1),
        ops.where(x > 0, x, -1.0),
        ops.clip(x, -0.5, 0.5),
        ops.expand_dims(x, 1),
        ops.squeeze(ops.expand_dims(x, 1), 1),
        ops.stack([x, x * 2], axis=1),
        ops.cast(i, "float32") / 3,
        ops.one_hot(i, 5),
        ops.einsum("bij,bkj->bik", x, x),
        ops.matmul(x, ops.transpose(x, (0, 2, 1))),
        ops.take(x, [2, 0], axis=2),
        ops.pad(x, ((0, 0), (1, 2), (0, 0))),
        ops.tile(x, (1, 2, 1)),
        ops.repeat(x, 2, axis=1),
        ops.relu(x),
        -x,
        abs(x),
        x**2,
        2**x,
        ops.logical_and(x > 0, x < 0.5),
        ops.argmax(x, axis=-1),
        ops.cumsum(x, axis=1),
        ops.sqrt(abs(x)),
    ]
    return keras.Model([x, i], [*parts, *ops.split(x, 2, axis=1)])


def reversible_embedding(tie_weights, soft_cap=None):
    def case(keras):
        x = keras.Input((4,), dtype="int32")
        layer = keras.layers.ReversibleEmbedding(5, 3, tie_weights=tie_weights, logit_soft_cap=soft_cap, mask_zero=True)
        return keras.Model(x, [layer(x), layer(keras.layers.Dense(3)(layer(x)), reverse=True)])

    return case


def mixed(policy):
    def case(keras):
        k, p = keras.layers, keras.DTypePolicy(policy)
        return keras.Sequential([keras.Input((6, 6, 3)), k.Conv2D(4, 3, dtype=p, activation="relu"), k.BatchNormalization(dtype=p),
                                 k.GlobalAveragePooling2D(dtype=p), k.Dense(3, dtype=p), k.Activation("softmax", dtype="float32")])

    return case


def masking(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((None, 2)), k.Masking(-1.0), k.Identity(), k.LSTM(3, return_sequences=True), k.LSTM(2)]), [
        [[[1.0, 2], [-1, -1], [-1, 0], [-1, -1]], [[0, 0], [1, -1], [-1, -1], [2, 1]]]
    ]


def einsum(equation, shape, output_shape, **more):
    return lambda keras: keras.Sequential([keras.Input(shape), keras.layers.EinsumDense(equation, output_shape, **more)])


def with_lora(keras):
    k = keras.layers
    model = keras.Sequential([keras.Input((6,), dtype="int32"), k.Embedding(5, 4), k.EinsumDense("abc,cd->abd", (None, 3)), k.Conv1D(4, 3), k.Dense(3)])
    for layer in model.layers:
        layer.enable_lora(2, lora_alpha=3)
    return model


with_lora.hdf5 = False  # there, the parts of LoRA stand beside the kernels: an error says so by their number


CASES = {
    "mixed_float16": mixed("mixed_float16"),
    "policies_by_name_float16": policies_by_name,
    "shared_sequential": shared_model("sequential"),
    "shared_functional": shared_model("functional"),
    "float16": mixed("float16"),
    "float64": mixed("float64"),
    "operators_of_all_kinds": operators_of_all_kinds,
    "einsum_dense": einsum("abc,cd->abd", (5, 4), (None, 3), bias_axes="d", activation="relu"),
    "einsum_dense_elided": einsum("...x,xy->...y", (5, 4), 3, bias_axes="y"),
    "einsum_dense_right_elided": einsum("ab...,bc->ac...", (4, 5, 2), 3, bias_axes="c"),
    "einsum_dense_heads": einsum("abc,cde->abde", (None, 4), (None, 2, 3)),
    "reversible_embedding": reversible_embedding(True),
    "reversible_embedding_untied": reversible_embedding(False, soft_cap=2.0),
    "masking": masking,
    "with_lora": with_lora,
    "mlp": mlp,
    "shared": shared,
    "nested": nested,
    "named_inputs": named_inputs,
    "operators": operators,
    "dense_rank_3": lambda keras: keras.Sequential([keras.Input((None, 4)), keras.layers.Dense(3, use_bias=False)]),
    "embedding": lambda keras: keras.Sequential([keras.Input((7,), dtype="int32"), keras.layers.Embedding(5, 3)]),
    "flatten": lambda keras: keras.Sequential([keras.Input((4, 3, 2)), keras.layers.Flatten()]),
    "flatten_channels_first": lambda keras: keras.Sequential([keras.Input((4, 3, 2)), keras.layers.Flatten("channels_first")]),
    **{
        f"activation_{name}": lambda keras, name=name: keras.Sequential([keras.Input((6,)), keras.layers.Activation(name)])
        for name in ("relu", "gelu", "elu", "selu", "softplus", "hard_sigmoid", "mish", "silu", "leaky_relu", "exponential")
    },
}
