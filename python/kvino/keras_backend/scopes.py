"""Names of what is recorded: those of the layers that are being called."""

from keras.src.backend.common.name_scope import name_scope as KerasNameScope

from kvino import _core


class name_scope(KerasNameScope):
    """What is recorded inside knows the scope's name, as every layer opens one when it is called (kvino.profile)."""

    def __enter__(self):
        super().__enter__()
        if self._pop_on_exit:
            _core._scope_begin(self.name)
        return self

    def __exit__(self, *args, **kwargs):
        if self._pop_on_exit:
            _core._scope_end()
        super().__exit__(*args, **kwargs)
