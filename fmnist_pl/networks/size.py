"""How large a network may be."""

from torch import nn

from fmnist_pl.errors import UserError

MOST_PARAMETERS = 100_000_000
"""1.6 GB with gradients and the two averages of Adam; the networks of configs/ have at most 1.4 million."""


def check_size(network: nn.Module) -> None:
    """Check the number of parameters. A network on the meta device takes no memory, so it can be checked before use.

    Raises:
        UserError: There are more than `MOST_PARAMETERS`.
    """
    count = sum(parameter.numel() for parameter in network.parameters())
    if count > MOST_PARAMETERS:
        raise UserError(
            f"model: a network of {count:,} parameters; give fewer or smaller layers, at most {MOST_PARAMETERS:,}"
        )
