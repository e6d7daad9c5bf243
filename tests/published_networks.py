"""Networks as others publish them, with random weights: what a reader of their files must take."""

import torch
from torch import nn


class MobileNetV2(nn.Module):
    """MobileNetV2 as torchvision builds and names it, features only, batch norm unfolded."""

    def __init__(self, channels: int = 3):
        super().__init__()

        def unit(c, w, k, stride=1, groups=1):
            conv = nn.Conv2d(c, w, k, stride, k // 2, groups=groups, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(w), nn.ReLU6())

        class Block(nn.Module):
            def __init__(self, c, w, t, stride):
                super().__init__()
                layers = [unit(c, c * t, 1)] if t > 1 else []
                layers += [unit(c * t, c * t, 3, stride, c * t)]
                layers += [nn.Conv2d(c * t, w, 1, bias=False), nn.BatchNorm2d(w)]
                self.conv, self.add = nn.Sequential(*layers), stride == 1 and c == w

            def forward(self, x):
                return x + self.conv(x) if self.add else self.conv(x)

        blocks, c = [unit(channels, 32, 3, 2)], 32
        for t, w, n, s in (
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
            (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
        ):  # fmt: skip
            for i in range(n):
                blocks.append(Block(c, w, t, s if i == 0 else 1))
                c = w
        blocks.append(unit(320, 1280, 1))
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 1000))


def drawn(rng: torch.Generator) -> MobileNetV2:
    """The network with weights and statistics of batch norm that a trained one could have."""
    published = MobileNetV2()
    for name, tensor in published.state_dict().items():
        if "running_var" in name or ("weight" in name and tensor.ndim == 1):
            tensor.uniform_(0.5, 1.5, generator=rng)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.normal_(0, 0.2, generator=rng)
        elif tensor.ndim == 4:
            nn.init.kaiming_normal_(tensor, generator=rng)
    return published
