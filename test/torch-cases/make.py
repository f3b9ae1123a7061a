"""Writes layers.json: what PyTorch's layers make of small inputs, with gradients.

    python3 make.py > layers.json

A case has the layer's state under PyTorch's names, its inputs, outputs, a cotangent for each
floating-point output, and the gradients of sum(output * cotangent) of inputs and state.
test/nn-torch.test.ts reads it.
"""

import json
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

torch.manual_seed(0)
cases = []


def number(v):
    if isinstance(v, bool):
        return v
    if isinstance(v, float) and not math.isfinite(v):
        return 'nan' if math.isnan(v) else ('inf' if v > 0 else '-inf')
    return v


def show(t):
    kind = {torch.float32: 'f32', torch.int64: 'i32', torch.bool: 'bool'}[t.dtype]
    # Nine digits tell f32 apart.
    data = [number(float(f'{v:.9g}') if kind == 'f32' else v) for v in t.detach().flatten().tolist()]
    return {'shape': list(t.shape), 'dtype': kind, 'data': data}


def case(name, layer, *inputs, update=False, fixed=()):
    """`update`: the state that the call leaves is written as well; `fixed`: inputs without a gradient."""
    inputs = [t.clone().requires_grad_() if t.dtype == torch.float32 and i not in fixed else t for i, t in enumerate(inputs)]
    module = layer if isinstance(layer, nn.Module) else None
    if module:
        with torch.no_grad():
            for p in module.parameters():
                p.add_(0.3 * torch.randn_like(p))
    # Weights of classes are options with us, not states.
    stateful = module and not isinstance(module, nn.modules.loss._Loss)
    state = {k: show(v) for k, v in module.state_dict().items()} if stateful else {}
    outputs = layer(*inputs)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    real = [o for o in outputs if o.dtype == torch.float32]
    cotangents = [torch.randn(o.shape) for o in real]
    loss = sum((o * c).sum() for o, c in zip(real, cotangents))
    if loss.requires_grad:
        loss.backward()
    grads = {k: show(p.grad) for k, p in module.named_parameters() if p.grad is not None} if module else {}
    cases.append({
        'name': name,
        'inputs': [show(t) for t in inputs],
        'state': state,
        'outputs': [show(o) for o in outputs],
        'cotangents': [show(c) for c in cotangents],
        'inputGrads': [show(t.grad) if t.requires_grad and t.grad is not None else None for t in inputs],
        'stateGrads': grads,
        # PyTorch's instance norm has a counter but never counts.
        'after': {k: show(v) for k, v in module.state_dict().items()
                  if not ('Instance' in name and k == 'num_batches_tracked')} if update else {},
    })


R = torch.randn
case('Embedding', nn.Embedding(6, 3, padding_idx=2), torch.tensor([[0, 2, 5], [2, 5, 1]]))
case('Bilinear', nn.Bilinear(3, 4, 2), R(2, 5, 3), R(2, 5, 4))
case('ConvTranspose1d', nn.ConvTranspose1d(4, 6, 3, stride=3, padding=1, output_padding=2, groups=2), R(2, 4, 5))
case('ConvTranspose2d', nn.ConvTranspose2d(2, 3, (3, 2), stride=(2, 1), padding=1, output_padding=(1, 0), dilation=(1, 2)), R(2, 2, 4, 5))
case('ConvTranspose3d', nn.ConvTranspose3d(2, 2, 2, stride=2, bias=False), R(1, 2, 2, 3, 2))
for mode in ['zeros', 'reflect', 'replicate', 'circular']:
    case(f'Conv2d {mode}', nn.Conv2d(2, 3, (3, 4), padding='same', dilation=(2, 1), padding_mode=mode), R(1, 2, 5, 6))
case('Conv1d circular', nn.Conv1d(2, 2, 3, stride=2, padding=2, padding_mode='circular'), R(1, 2, 6))
case('Conv3d replicate', nn.Conv3d(1, 2, 2, padding=1, padding_mode='replicate'), R(1, 1, 3, 2, 3))
case('ReflectionPad2d', nn.ReflectionPad2d((1, 2, 0, 1)), R(1, 2, 3, 4))
case('ReplicationPad3d', nn.ReplicationPad3d((1, 0, 2, 1, 0, 3)), R(1, 1, 2, 2, 3))
case('CircularPad1d', nn.CircularPad1d((2, 3)), R(1, 2, 4))
case('ConstantPad2d', nn.ConstantPad2d((1, -1, 2, 0), 0.5), R(1, 1, 3, 4))
case('ZeroPad2d', nn.ZeroPad2d(1), R(1, 1, 2, 2))
case('AdaptiveAvgPool1d', nn.AdaptiveAvgPool1d(3), R(1, 2, 7))
case('AdaptiveAvgPool3d', nn.AdaptiveAvgPool3d((1, 2, 3)), R(1, 2, 3, 4, 5))
case('AdaptiveMaxPool1d', nn.AdaptiveMaxPool1d(3), R(1, 2, 7))
case('AdaptiveMaxPool2d', nn.AdaptiveMaxPool2d((3, 2)), R(2, 2, 7, 5))
case('AdaptiveMaxPool2d ties', nn.AdaptiveMaxPool2d((2, 2)), torch.randint(0, 2, (1, 2, 5, 5)).float())
case('AdaptiveMaxPool3d', nn.AdaptiveMaxPool3d((2, 1, 3)), R(1, 1, 3, 3, 5))
for d, shape in [(1, (2, 2, 9)), (2, (1, 2, 6, 7)), (3, (1, 1, 4, 5, 4))]:
    pool = [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d][d - 1]
    case(f'MaxPool{d}d indices', pool(3, stride=2, padding=1, return_indices=True), R(shape))
case('MaxPool2d dilated', nn.MaxPool2d(2, stride=1, dilation=2, return_indices=True), R(1, 1, 5, 6))
pooled, at = F.max_pool2d(R(1, 2, 6, 6), 2, return_indices=True)
case('MaxUnpool2d', nn.MaxUnpool2d(2), pooled.detach(), at)
case('BatchNorm3d', nn.BatchNorm3d(2), R(2, 2, 2, 3, 2), update=True)
case('InstanceNorm1d', nn.InstanceNorm1d(3), R(2, 3, 5))
case('InstanceNorm2d', nn.InstanceNorm2d(2, affine=True, track_running_stats=True), R(2, 2, 3, 4), update=True)
case('InstanceNorm3d', nn.InstanceNorm3d(2, affine=True), R(1, 2, 2, 2, 3))
tracked = nn.InstanceNorm2d(2, track_running_stats=True)
tracked(R(3, 2, 3, 3))
case('InstanceNorm2d eval', tracked.eval(), R(2, 2, 3, 4))
case('LayerNorm', nn.LayerNorm((3, 4)), R(2, 3, 4))
case('LayerNorm no bias', nn.LayerNorm(4, bias=False), R(2, 4))
case('GroupNorm', nn.GroupNorm(2, 4), R(2, 4, 3))
case('RMSNorm', nn.RMSNorm(4), R(2, 3, 4))
case('LocalResponseNorm', nn.LocalResponseNorm(3, alpha=0.5, k=2.0), R(2, 5, 3, 2))
case('PReLU', nn.PReLU(3), R(2, 3, 4))
case('PReLU one', nn.PReLU(), R(5))
for name, layer in [('SELU', nn.SELU()), ('CELU', nn.CELU(0.7)), ('Mish', nn.Mish()), ('Hardswish', nn.Hardswish()),
                    ('Hardsigmoid', nn.Hardsigmoid()), ('ReLU6', nn.ReLU6()), ('Softsign', nn.Softsign()),
                    ('LogSigmoid', nn.LogSigmoid())]:
    case(name, layer, 4 * R(3, 4))
case('GLU', nn.GLU(1), R(2, 6, 3))
case('Unflatten', nn.Unflatten(1, (2, 3)), R(2, 6, 2))
case('Upsample nearest', nn.Upsample(scale_factor=2), R(1, 2, 2, 3))
case('Upsample bilinear', nn.Upsample(size=(5, 7), mode='bilinear'), R(1, 2, 3, 4))
case('PixelShuffle', nn.PixelShuffle(2), R(1, 8, 2, 3))
case('PixelUnshuffle', nn.PixelUnshuffle(3), R(1, 2, 3, 6))

case('weightNorm', weight_norm(nn.Linear(3, 4)), R(2, 3))
case('weightNorm conv', weight_norm(nn.Conv1d(2, 3, 2), dim=1), R(1, 2, 4))
case('weightNorm whole', weight_norm(nn.Linear(3, 4), dim=None), R(2, 3))
case('spectralNorm', spectral_norm(nn.Linear(3, 4)), R(2, 3), update=True)
case('spectralNorm eval', spectral_norm(nn.Linear(3, 4), n_power_iterations=3).eval(), R(2, 3))
case('spectralNorm transposed', spectral_norm(nn.ConvTranspose1d(2, 3, 2)), R(1, 2, 4), update=True)

q, k, v = R(2, 3, 4, 5), R(2, 3, 6, 5), R(2, 3, 6, 2)
mask = torch.rand(4, 6) > 0.4
mask[:, 0] = True
case('attention', F.scaled_dot_product_attention, q, k, v)
case('attention causal', lambda a, b, c: F.scaled_dot_product_attention(a, b, c, is_causal=True), q, k, v)
case('attention bool', lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, attn_mask=m, scale=0.3), q, k, v, mask)
case('attention float', lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, attn_mask=m), q, k, v, R(2, 1, 4, 6))
hidden = mask.clone()
hidden[2] = False
case('attention all masked', lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, attn_mask=m), q, k, v, hidden)


class Call(nn.Module):
    """A layer, called with options; its state keeps the layer's own names."""

    def __init__(self, layer, run):
        super().__init__()
        self.layer = layer
        self.run = run

    def forward(self, *inputs):
        return self.run(self.layer, *inputs)

    def state_dict(self, *args, **kwargs):
        return self.layer.state_dict(*args, **kwargs)

    def named_parameters(self, *args, **kwargs):
        return self.layer.named_parameters(*args, **kwargs)


MHA = nn.MultiheadAttention
x, memory = R(4, 2, 6), R(5, 2, 6)
case('MHA', MHA(6, 2), x, memory, memory)
case('MHA batch first', Call(MHA(6, 3, batch_first=True), lambda m, a, b: m(a, b, b, average_attn_weights=False)), R(2, 4, 6), R(2, 5, 6))
padding = torch.tensor([[False, False, True, False, True], [False, True, False, False, False]])
case('MHA padding', Call(MHA(6, 2), lambda m, a, b, p: m(a, b, b, key_padding_mask=p)), x, memory, padding)
case('MHA mask', Call(MHA(6, 2, bias=False), lambda m, a, b, p: m(a, b, b, attn_mask=p)), x, memory,
     torch.rand(4, 5) > 0.6)
case('MHA masks', Call(MHA(6, 2), lambda m, a, b, p, q: m(a, b, b, key_padding_mask=p, attn_mask=q)), x, memory,
     padding.float() * -2, R(4, 4, 5))
case('MHA sizes', MHA(6, 2, kdim=3, vdim=4), x, R(5, 2, 3), R(5, 2, 4))
case('MHA extra keys', Call(MHA(6, 2, add_bias_kv=True, add_zero_attn=True), lambda m, a, b, p: m(a, b, b, key_padding_mask=p)),
     x, memory, padding)
case('MHA single', MHA(6, 2), R(4, 6), R(5, 6), R(5, 6))

Enc, Dec = nn.TransformerEncoderLayer, nn.TransformerDecoderLayer
causal = torch.triu(torch.ones(4, 4), 1).bool()
case('encoder layer', Enc(6, 2, 8, dropout=0.0), x)
case('encoder layer, norm first', Enc(6, 2, 8, dropout=0.0, activation='gelu', norm_first=True, batch_first=True), R(2, 4, 6))
case('encoder layer, masked', Call(Enc(6, 2, 8, dropout=0.0), lambda m, a, c, p: m(a, src_mask=c, src_key_padding_mask=p)),
     x, causal, torch.tensor([[False, False, False, True], [False, False, True, True]]))
case('decoder layer', Call(Dec(6, 2, 8, dropout=0.0), lambda m, a, b, c: m(a, b, tgt_mask=c)), x, memory, causal)
case('decoder layer, norm first', Call(Dec(6, 2, 8, dropout=0.0, norm_first=True), lambda m, a, b, p: m(a, b, memory_key_padding_mask=p)),
     x, memory, padding)
case('encoder', nn.TransformerEncoder(Enc(6, 2, 8, dropout=0.0), 2, nn.LayerNorm(6), enable_nested_tensor=False), x)
case('decoder', nn.TransformerDecoder(Dec(6, 2, 8, dropout=0.0), 2), x, memory)

labels = torch.tensor([[[2, 0, -100], [1, 1, 2]], [[0, -100, 1], [2, 2, 0]]])
soft = torch.softmax(R(2, 3, 2, 3), 1)
weight = torch.tensor([0.5, 1.0, 2.0])
CE = nn.CrossEntropyLoss
case('cross entropy per pixel', CE(), R(2, 3, 2, 3), labels)
case('cross entropy per pixel, weights', CE(weight=weight, label_smoothing=0.1), R(2, 3, 2, 3), labels)
case('cross entropy per pixel, none', CE(weight=weight, label_smoothing=0.1, reduction='none'), R(2, 3, 2, 3), labels)
case('cross entropy per pixel, ignored', CE(ignore_index=2, reduction='sum'), R(2, 3, 2, 3), labels.clamp(min=0))
case('cross entropy per pixel, soft', CE(weight=weight, label_smoothing=0.2), R(2, 3, 2, 3), soft.detach())
case('cross entropy per pixel, soft sum', CE(reduction='sum'), R(2, 3, 2, 3), soft.detach())
case('KLDivLoss', nn.KLDivLoss(reduction='batchmean'), torch.log_softmax(R(2, 3), 1).detach(), soft[:, :, 0, 0].detach())
case('SoftMarginLoss', nn.SoftMarginLoss(), R(4), torch.tensor([1.0, -1, 1, -1]), fixed=[1])
case('MultiMarginLoss', nn.MultiMarginLoss(p=2, margin=0.7), R(3, 4), torch.tensor([1, 3, 0]))
case('CosineEmbeddingLoss', nn.CosineEmbeddingLoss(margin=0.2), R(3, 4), R(3, 4), torch.tensor([1.0, -1, 1]), fixed=[2])
case('TripletMarginLoss', nn.TripletMarginLoss(margin=0.8, p=3), R(3, 4), R(3, 4), R(3, 4))


def focal(x, y):
    p = torch.sigmoid(x)
    ce = F.binary_cross_entropy_with_logits(x, y, reduction='none')
    pt = p * y + (1 - p) * (1 - y)
    return (ce * (1 - pt) ** 2.5 * (0.3 * y + 0.7 * (1 - y))).mean()


def focal_classes(x, t):
    logp = F.log_softmax(x, 1).gather(1, t[:, None])[:, 0]
    return (-(1 - logp.exp()) ** 2 * logp).mean()


def info_nce(a, b, n):
    logits = F.normalize(a) @ F.normalize(torch.cat([b, n])).T / 0.2
    return F.cross_entropy(logits, torch.arange(3))


def negative_sampling(c, p, n):
    return (-F.logsigmoid((c * p).sum(1)) - F.logsigmoid(-(n * c[:, None]).sum(2)).sum(1)).mean()


def gaussian_kl(m, s):
    return torch.distributions.kl_divergence(torch.distributions.Normal(m, (s / 2).exp()), torch.distributions.Normal(0.0, 1.0)).sum()


case('focal', focal, R(2, 5), torch.tensor([[0.0, 1, 1, 0, 1], [1, 0, 0, 1, 0]]), fixed=[1])
case('focal classes', focal_classes, R(4, 3), torch.tensor([0, 2, 1, 1]))
case('infoNce', info_nce, R(3, 4), R(3, 4), R(5, 4))
case('negativeSampling', negative_sampling, R(3, 4), R(3, 4), R(3, 2, 4))
case('squaredHinge', lambda x, y: ((1 - x * y).clamp(min=0) ** 2).mean(), R(6), torch.tensor([1.0, -1, 1, -1, -1, 1]), fixed=[1])
case('gaussianKl', gaussian_kl, R(2, 3), R(2, 3))
case('gaussianLogLikelihood', lambda x, m, s: torch.distributions.Normal(m, (s / 2).exp()).log_prob(x).sum(), R(2, 3), R(2, 3), R(2, 3))
case('bernoulliLogLikelihood', lambda x, l: -F.binary_cross_entropy_with_logits(l, x, reduction='sum'), torch.rand(2, 3), R(2, 3))

log = lambda: torch.log_softmax(R(2, 3), 1).detach()
case('KLDivLoss of logs', nn.KLDivLoss(reduction='sum', log_target=True), log(), log())
case('MultiMarginLoss weights', nn.MultiMarginLoss(weight=torch.tensor([0.5, 2, 1, 3])), R(3, 4), torch.tensor([1, 3, 0]))
case('TripletMarginLoss swap', nn.TripletMarginLoss(swap=True, eps=1e-3), R(3, 4), R(3, 4), R(3, 4))
case('AvgPool2d divisor', nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, divisor_override=5), R(1, 2, 6, 7))
case('AvgPool2d ceil', nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False), R(1, 2, 6, 7))
case('AvgPool1d ceil', nn.AvgPool1d(3, 2, padding=1, ceil_mode=True), R(1, 2, 8))
case('MaxPool2d ceil', nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), R(1, 2, 6, 7))
case('Upsample corners', nn.Upsample(scale_factor=1.7, mode='bilinear', align_corners=True), R(1, 2, 4, 5))
case('Upsample factor', nn.Upsample(scale_factor=(1.5, 2.3), mode='bilinear'), R(1, 2, 4, 5))
case('Upsample nearest factor', nn.Upsample(scale_factor=(1.5, 0.6)), R(1, 2, 4, 5))
case('Conv2d same', nn.Conv2d(2, 4, (2, 3), padding='same', dilation=(3, 2), groups=2), R(1, 2, 6, 7))
case('Conv2d same reflect', nn.Conv2d(2, 4, (4, 3), padding='same', padding_mode='reflect'), R(1, 2, 6, 7))
case('BatchNorm1d whole average', nn.BatchNorm1d(3, momentum=None), R(4, 3), update=True)
case('BatchNorm2d untracked', nn.BatchNorm2d(3, affine=False, track_running_stats=False).eval(), R(2, 3, 2, 2))
target = torch.tensor([0, -100, 3, 1, 2])
case('cross entropy, all options', nn.CrossEntropyLoss(weight=torch.tensor([0.5, 2, 1, 3]), label_smoothing=0.2), R(5, 4), target)
case('cross entropy, summed', nn.CrossEntropyLoss(weight=torch.tensor([0.5, 2, 1, 3]), ignore_index=3, label_smoothing=0.1, reduction='sum'), R(5, 4), torch.tensor([0, 3, 3, 1, 2]))

print(json.dumps({'torch': torch.__version__, 'cases': cases}, separators=(',', ':')))
