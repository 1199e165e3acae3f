"""Stop a training at an accuracy."""

from lightning.pytorch.callbacks import EarlyStopping


class StopAtAccuracy(EarlyStopping):
    """Ends the training after the epoch in which the training accuracy reaches a threshold."""

    def __init__(self, threshold: float = 0.85) -> None:
        """Choose the threshold.

        Args:
            threshold: Training accuracy to reach, as a fraction.
        """
        super().__init__(
            "train/acc", mode="max", stopping_threshold=threshold, patience=10**9, check_on_train_epoch_end=True
        )
