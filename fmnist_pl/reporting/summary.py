"""The short table at the end of a run."""

from typing import Any


def summary_table(metrics: dict[str, Any], folder: str) -> str:
    """The figures of ``metrics.json`` that a person wants to see first.

    Args:
        metrics: As in metrics.json.
        folder: Where the run's files are.
    """
    rows = [("", "accuracy", "loss")]
    for stage in ("val", "test"):
        if stage in metrics:
            rows.append((stage, f"{metrics[stage]['acc']:.4f}", f"{metrics[stage]['loss']:.4f}"))
    lines = [f"  {stage:<6}{accuracy:>10}{loss:>10}" for stage, accuracy, loss in rows]
    facts = [f"{metrics['data_source']} data", f"{metrics['params']:,} parameters", f"seed {metrics['seed']}"]
    if "epochs" in metrics:
        facts.append(f"{metrics['epochs']} epochs in {metrics['train_seconds']:.1f} s")
        facts.append(f"{metrics['images_per_second']:,.0f} images/s")
    title = f"{metrics['config']}: " + ", ".join(facts)
    if metrics["data_source"] != "real":
        title += "\n  (drawn images: these figures say nothing about Fashion-MNIST)"
    return "\n".join(["", title, *lines, f"  files: {folder}", ""])
