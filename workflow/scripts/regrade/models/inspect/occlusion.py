"""How much a network depends on each part of its images: what it still recognises when a square hides that part.

Zeiler and Fergus (2013), Visualizing and Understanding Convolutional Networks, section 4.2.
"""

import torch

from regrade.models.network import Network

# Images at once
BATCH = 200


@torch.no_grad()
def recognised(network: Network, images: torch.Tensor, targets: torch.Tensor) -> tuple[float, float]:
    """Accuracy and mean probability of the true class.

    `images` (examples, channels, height, width) as the network takes them; `targets` (examples,). The network has one
    run, is in evaluation, and gives a logit per class.
    """
    correct = probability = 0.0
    for batch, classes in zip(images.split(BATCH), targets.split(BATCH), strict=True):
        probabilities = network(batch[None])[0].softmax(1)
        correct += (probabilities.argmax(1) == classes).sum().item()
        probability += probabilities.gather(1, classes[:, None]).sum(dtype=torch.float64).item()
    return correct / len(images), probability / len(images)


def occlusion(
    network: Network, images: torch.Tensor, targets: torch.Tensor, size: int, stride: int, value: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """What `recognised` gives, each as (rows, columns), under a square slid over the images.

    The square of `size`² pixels of `value`, a pixel as the network takes it, has its upper left corner at multiples of
    `stride` and lies wholly inside. ValueError when it is larger than the images.
    """
    height, width = images.shape[2:]
    if size > min(height, width):
        raise ValueError(f"a square of {size}×{size} pixels does not fit into an image of {height}×{width}")
    measured = []
    for top in range(0, height - size + 1, stride):
        for left in range(0, width - size + 1, stride):
            hidden = images.clone()
            hidden[:, :, top : top + size, left : left + size] = value
            measured.append(recognised(network, hidden, targets))
    rows = (height - size) // stride + 1
    accuracy, probability = torch.tensor(measured, dtype=torch.float64).view(rows, -1, 2).unbind(2)
    return accuracy, probability
