"""Options of the page that no server can be started with."""

import pytest

from fmnist_pl.app.serve import serve
from fmnist_pl.errors import UserError


@pytest.mark.parametrize("port", [0, -1, 65_536, 99_999])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(UserError, match=rf"port: .*{port};"):
        serve(port=port, block=False)
