"""The rules that say what kind of work an operator or a kernel does, on names of real libraries."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from aibench.characterization import classes
from aibench.characterization.classes import RulesError, read_rules

RULES = read_rules()
SAMPLE = Path(__file__).with_name("kernel_names.txt")

# Labelled by hand: as profilers of PyTorch show them.
KERNELS = {
    "Memcpy HtoD (Pageable -> Device)": "memory copy",
    "Memcpy DtoD (Device -> Device)": "memory copy",
    "Memset (Device)": "allocation",
    "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)": "communication",
    "ncclKernel_AllGather_RING_LL_Sum_int8_t(ncclWorkElem)": "communication",
    "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true, (cudnnKernelDataType_t)2>(int)": (
        "data arrangement"
    ),
    "void at::native::(anonymous namespace)::CatArrayBatchedCopy<float, unsigned int, 4, 64, 64>(float*)": (
        "data arrangement"
    ),
    "void at::native::im2col_kernel<float>(long, float const*, long, long, float*)": "data arrangement",
    "maxwell_scudnn_128x128_stridedB_splitK_interior_nn": "convolution",
    "maxwell_scudnn_128x64_relu_interior_nn": "convolution",
    "maxwell_scudnn_winograd_128x128_ldg1_ldg4_mobile_relu_tile148t_nt": "convolution",
    "volta_scudnn_128x64_relu_xregs_large_nn_v1": "convolution",
    "turing_h1688cudnn_256x64_sliced1x2_ldg8_relu_exp_small_nhwc_tn_v1": "convolution",
    "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x128x16_stage4_warpsize2x2x1": (
        "convolution"
    ),
    "sm90_xmma_dgrad_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x64_cudnn": "convolution",
    "cutlass_80_wmma_tensorop_bf16_s161616fprop_optimized_bf16_64x64_32x2_nhwc_align8": "convolution",
    "void cudnn::cnn::wgrad2d_grouped_direct_kernel<float, float, float, float, int>(cudnn::cnn::Wgrad)": "convolution",
    "void implicit_convolve_sgemm<float, float, 1024, 5, 5, 3, 3, 3, 1, true, false, true>(int)": "convolution",
    "void at::native::(anonymous namespace)::conv_depthwise2d_forward_kernel<3, float, int>(int)": "convolution",
    "ampere_sgemm_128x64_tn": "GEMM",
    "maxwell_sgemm_128x64_nn": "GEMM",
    "volta_fp16_s884gemm_fp16_128x128_ldg8_f2f_tn": "GEMM",
    "ampere_bf16_s16816gemm_bf16_128x64_ldg8_f2f_stages_64x3_nn": "GEMM",
    "nvjet_sm90_tst_128x128_64x6_1x2_h_bz_coopA_NTT": "GEMM",
    "nvjet_tst_192x192_64x4_2x1_v_bz_coopB_TNN": "GEMM",
    "void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_128x128_16x4_nn_align4>(Params)": "GEMM",
    "void gemv2T_kernel_val<int, int, float, float, float, float, 128, 16, 4, 4, false, true>(int)": "GEMM",
    "void cublasLt::splitKreduce_kernel<32, 16, int, float, float, float, float, true, false>(int)": "GEMM",
    "triton_tem_fused_addmm_3": "GEMM",
    "void cudnn::bn_fw_tr_1C11_singleread<float, 512, true, 1, 2, 0>(cudnnTensorStruct)": "batch normalisation",
    "void at::native::batch_norm_collect_statistics_kernel<at::native::InvStd, float, float, float, int>(int)": (
        "batch normalisation"
    ),
    "void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float, float>(int)": "normalisation",
    "void at::native::(anonymous namespace)::RowwiseMomentsCUDAKernel<float>(long)": "normalisation",
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, at::detail::Array>(int)": (
        "element-wise"
    ),
    "triton_poi_fused_add_mul_2": "element-wise",
    "triton_poi_fused_relu_0": "activation",
    "void at::native::vectorized_elementwise_kernel<4, at::native::(anonymous namespace)::"
    "launch_clamp_scalar(at::TensorIteratorBase&)::{lambda(float)#1}>(int)": "element-wise",
    "void at::native::vectorized_elementwise_kernel<4, at::native::threshold_kernel_impl<float>>(int)": "activation",
    "void at::native::(anonymous namespace)::max_pool_forward_nchw<float, int>(int)": "pooling",
    "void cudnn::pooling_bw_kernel_max_nchw_fully_packed_small<float, float, 2>(cudnnTensorStruct)": "pooling",
    "void RNN_blockPersist_fp_LSTM<float, float, float, 64>(int)": "recurrent",
    "void at::native::(anonymous namespace)::kernel::lstm_cell_forward<float, float, int, 1>(int)": "recurrent",
    "void LSTM_elementWise_fp<float, float, float, (cudnnRNNBiasMode_t)2>(int)": "recurrent",
    "void flash_fwd_kernel<Flash_fwd_kernel_traits<64, 128, 128, 4, false, false, cutlass::half_t>>(int)": "attention",
    "fmha_cutlassF_f32_aligned_64x64_rf_sm80(PyTorchMemEffAttention::AttentionKernel<float>::Params)": "attention",
    "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_3_64x128x128_4x1x1": "attention",
    "void at::native::(anonymous namespace)::indexSelectLargeIndex<float, long, unsigned int, 2, 2, -2>(int)": (
        "embedding"
    ),
    "void at::native::(anonymous namespace)::compute_grad_weight<float, int>(long*)": "embedding",
    "void (anonymous namespace)::softmax_warp_forward<float, float, float, 5, true, false>(float*)": "softmax and loss",
    "void at::native::(anonymous namespace)::ctc_loss_log_alpha_gpu_kernel<float, long>(float*)": "softmax and loss",
    "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::MeanOps<float>>>(int)": "reduction",
    "void at_cuda_detail::cub::DeviceRadixSortOnesweepKernel<int>(int)": "reduction",
    "void at::native::(anonymous namespace)::fused_dropout_kernel_vec<float, float, unsigned int, 1, 4>(int)": (
        "random numbers"
    ),
    "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>, at::detail::Array>(int)": (
        "allocation"
    ),
    "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<TensorListMetadata<4>, "
    "at::native::(anonymous namespace)::FusedAdamMathFunctor<float, 4>>(int)": "optimiser",
    "void vision::ops::(anonymous namespace)::roi_align_forward_kernel_impl<float>(int)": "other",
    # Of profiles on an H200 (experiments/gpu).
    "vision::ops::(anonymous namespace)::gather_keep_from_mask(bool*, unsigned long long const*, int)": "other",
    "sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nchwkcrs_nchw_tilesize256x64x8_stage3_warpsize2x2x1_g1_ffma_aligna4"
    "_alignc4_execute_kernel__5x_cudnn": "convolution",
    "void cudnn::detail::dgrad_engine<float, 512, 6, 5, 3, 3, 3, false>(int, int, int, float const*)": "convolution",
    "void wgrad_alg0_engine<float, 128, 6, 7, 3, 3, 5, false, 512>(int, int, int, float const*)": "convolution",
    "void cudnn::conv2d_grouped_direct_kernel<false, true, false, false, 0, 0, int, float, float>(int)": "convolution",
    "sm80_xmma_gemm_f32f32_f32f32_f32_nt_n_tilesize32x128x8_stage3_warpsize1x2x1_ffma_aligna4_alignc4_execute_kernel"
    "__5x_cublas": "GEMM",
    "void sgemm_largek_lds64<true, false, 5, 5, 4, 4, 4, 34>(float*, float const*, float const*, int)": "GEMM",
    "void epilogue::globalKernel<8, 32, float, float, float, true, true, (cublasLtEpilogue_t)1>(int, int)": "GEMM",
    "void scal_kernel<float, float, 1, true, 6, 5, 5, 3>(cublasTransposeParams<float>, float const*)": "GEMM",
    "void at::native::(anonymous namespace)::embedding_backward_feature_kernel<float, float, long>(long const*)": (
        "embedding"
    ),
    "void at::native::(anonymous namespace)::grid_sampler_2d_backward_kernel<float, int>(int)": "data arrangement",
    "void (anonymous namespace)::elementwise_kernel_with_index<int, at::native::linspace_cuda_out(c10::Scalar)>(int)": (
        "allocation"
    ),
}
# Operators of real profiles of this suite's tasks.
OPERATORS = {
    "aten::mkldnn_convolution": "convolution",
    "aten::convolution_backward": "convolution",
    "aten::_slow_conv2d_backward": "convolution",
    "aten::addmm": "GEMM",
    "aten::mm": "GEMM",
    "aten::bmm": "GEMM",
    "aten::baddbmm": "GEMM",
    "aten::linear": "GEMM",
    "aten::native_batch_norm": "batch normalisation",
    "aten::native_batch_norm_backward": "batch normalisation",
    "aten::native_layer_norm_backward": "normalisation",
    "aten::threshold_backward": "activation",
    "aten::clamp_min": "activation",
    "aten::leaky_relu_backward": "activation",
    "aten::max_pool2d_with_indices_backward": "pooling",
    "aten::_adaptive_avg_pool2d": "pooling",
    "aten::mkldnn_rnn_layer_backward": "recurrent",
    "aten::gru": "recurrent",
    "aten::lstm_cell": "recurrent",
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": "attention",
    "aten::embedding_dense_backward": "embedding",
    "aten::index_select": "embedding",
    "aten::_index_put_impl_": "embedding",
    "aten::gather": "embedding",
    "aten::_log_softmax_backward_data": "softmax and loss",
    "aten::nll_loss_forward": "softmax and loss",
    "aten::_ctc_loss": "softmax and loss",
    "aten::binary_cross_entropy_with_logits": "softmax and loss",
    "aten::copy_": "data arrangement",
    "aten::cat": "data arrangement",
    "aten::as_strided": "data arrangement",
    "aten::grid_sampler_2d_backward": "data arrangement",
    "aten::upsample_bilinear2d": "data arrangement",
    "aten::reflection_pad2d": "data arrangement",
    "aten::_pack_padded_sequence": "data arrangement",
    "detach": "data arrangement",
    "aten::add_": "element-wise",
    "aten::mul": "element-wise",
    "aten::sigmoid_backward": "element-wise",
    "aten::sum": "reduction",
    "aten::linalg_vector_norm": "reduction",
    "aten::nonzero": "embedding",
    "aten::empty": "allocation",
    "aten::fill_": "allocation",
    "aten::native_dropout": "random numbers",
    "aten::bernoulli_": "random numbers",
    "aten::_fused_adam_": "optimiser",
    "torchvision::roi_align": "other",
    "torchvision::nms": "other",
    "aten::stft": "other",
    "c10d::allreduce_": "communication",
}
# What a library is made for: which categories its functions may be of.
ORIGIN = {
    "cudnn_engines": {"convolution", "data arrangement", "allocation", "element-wise", "other"},
    "cublas": {"GEMM"},
    "cublasLt": {"GEMM"},
    "nccl": {"communication"},
}
FAMILIES = {  # how cuDNN names its functions
    "RNN_": "recurrent",
    "elemWiseRNNcell": "recurrent",
    "cudnn::pooling_": "pooling",
    "cudnn::bn_": "batch normalisation",
    "cudnn::batchnorm_": "batch normalisation",
    "cudnn::ops::softmax": "softmax and loss",
    "softmax_": "softmax and loss",
    "cudnn::dropout_": "random numbers",
    "multiHeadAttn": "attention",
    "transpose": "data arrangement",
}


def sample() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        library, name = line.split("\t")
        found[library].append(name)
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_labelled_by_hand(name):
    assert RULES.kernel(name) == KERNELS[name]


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_labelled_by_hand(name):
    assert RULES.category([name]) == OPERATORS[name]


def test_functions_of_a_library_are_of_what_it_is_made_for():
    wrong = [
        (library, name, RULES.kernel(name))
        for library, allowed in ORIGIN.items()
        for name in sample()[library]
        if RULES.kernel(name) not in allowed
    ]
    assert wrong == []


def test_every_matrix_kernel_among_cudnns_engines_is_a_convolution():
    engines = [name for name in sample()["cudnn_engines"] if name.startswith(("sm", "cutlass", "ampere", "volta"))]
    assert len(engines) > 150
    assert {RULES.kernel(name) for name in engines} == {"convolution"}


def test_functions_of_cudnn_are_of_the_family_that_their_name_says():
    checked = 0
    for name in [*sample()["cudnn_ops"], *sample()["cudnn_adv"]]:
        for family, category in FAMILIES.items():
            if name.removeprefix("void ").startswith(family):
                assert RULES.kernel(name) == category, name
                checked += 1
    assert checked > 250


def test_few_of_pytorchs_own_kernels_are_unclassified():
    own = sample()["torch_cuda"]
    assert sum(RULES.kernel(name) is None for name in own) < 0.02 * len(own)


def test_an_optimisers_name_inside_a_lambda_is_no_optimiser():
    name = "void at::native::vectorized_elementwise_kernel<4, exp_kernel_cuda(TensorIteratorBase&)::{lambda()#1}>(int)"
    assert RULES.kernel(name) == "element-wise"
    assert RULES.kernel("void lamb_stage_1<float>(float*)") == "optimiser"
    assert all(RULES.kernel(one) != "optimiser" for one in sample()["torch_cuda"] if "multi_tensor" not in one)


def test_the_operator_says_more_than_the_kernel():
    gemm = "ampere_sgemm_128x64_tn"
    assert RULES.category(["aten::_cudnn_rnn"], gemm) == "recurrent"
    assert RULES.category(["aten::cudnn_convolution"], gemm) == "convolution"
    assert RULES.category(["aten::copy_"], "Memcpy HtoD (Pinned -> Device)") == "memory copy"
    assert RULES.category(["mine::operator"], gemm) == "GEMM"
    assert RULES.category(["mine::operator", "aten::bmm"]) == "GEMM"
    assert RULES.category(["mine::operator"], "mine") is None


def test_what_runs_operators_is_no_operator():
    for name in ("autograd::engine::evaluate_function: AddmmBackward0", "AddmmBackward0", "Optimizer.step#Adam.step"):
        assert RULES.is_framework(name)
    assert not RULES.is_framework("aten::threshold_backward")
    assert not RULES.is_framework("detach")


def rule_file(tmp_path: Path, **changed: object) -> Path:
    found = yaml.safe_load(Path(classes.__file__).with_name("classes.yaml").read_text(encoding="utf-8")) | changed
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(found), encoding="utf-8")
    return path


def test_a_users_rules_are_used(tmp_path):
    found = read_rules(rule_file(tmp_path, operators=[{"category": "other", "pattern": "^mine::"}]))
    assert found.category(["mine::operator"]) == "other"
    assert found.category(["aten::mm"]) is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schema_version": 7}, "schema_version 7"),
        ({"categories": ["optimiser"]}, "lacks 'allocation'"),
        ({"categories": "GEMM"}, "no list of names"),
        ({"kernels": [{"category": "GEMM"}]}, "kernels[0]: not {category: NAME"),
        ({"kernels": [{"category": "gem", "pattern": "x"}]}, "kernels[0]: category 'gem' is not among categories"),
        ({"operators": [{"category": "GEMM", "pattern": "("}]}, "operators[0]: '(' is no regular expression"),
        ({"regions": "aten::gru"}, "regions: no list of rules"),
        ({"ops": []}, "has no place for ops"),
    ],
)
def test_a_broken_rule_file_is_refused_in_one_line(tmp_path, changed, message):
    with pytest.raises(RulesError) as refused:
        read_rules(rule_file(tmp_path, **changed))
    assert message in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_rule_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "rules.yaml"
    with pytest.raises(RulesError, match="No such file"):
        read_rules(path)
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(RulesError, match="not YAML"):
        read_rules(path)
    path.write_text("- 1", encoding="utf-8")
    with pytest.raises(RulesError, match="no mapping"):
        read_rules(path)
