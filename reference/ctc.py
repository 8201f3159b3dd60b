"""Losses and gradients of texts by PyTorch's ctc_loss, for the test of crates/shuzi-engine/src/network/ctc.rs.

    python3 reference/ctc.py > reference/ctc.json

Needs torch (2.15 made the file). Each case has random logits [steps, classes], of which the last class is the blank, and a text.
"""
import json
import random

import torch


def case(steps, classes, labels, seed):
    torch.manual_seed(seed)
    logits = torch.randn(steps, classes, dtype=torch.float64).mul(2).round(decimals=3).requires_grad_()
    loss = torch.nn.functional.ctc_loss(
        logits.log_softmax(1).unsqueeze(1),
        torch.tensor([labels], dtype=torch.long),
        torch.tensor([steps]),
        torch.tensor([len(labels)]),
        blank=classes - 1,
        reduction="sum",
    )
    loss.backward()
    rounded = [round(number, 7) for number in logits.grad.flatten().tolist()]
    return {"classes": classes, "labels": labels, "logits": logits.flatten().tolist(), "loss": loss.item(), "gradient": rounded}


random.seed(0)
cases = []
for seed in range(12):
    classes = random.randint(3, 19)
    labels = [random.randrange(classes - 1) for _ in range(random.randint(0, 6))]
    if seed % 3 == 0:
        labels += labels[-1:] * 2
    cases.append(case(2 * len(labels) + random.randint(1, 6), classes, labels, seed))
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
