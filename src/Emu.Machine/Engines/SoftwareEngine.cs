// The software engines, interpreter and JIT, behind the machine's engine contract.
using Emu.Core;
using Emu.Cpu;
using Emu.Cpu.Arm64;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Jit;
using Emu.Cpu.Jit.Il;
using Emu.Machine.Options;

namespace Emu.Machine.Engines;

/// <summary>A64 on the micro-op interpreter, with or without the compiler behind it.</summary>
public sealed class SoftwareEngine : ICpuEngine, IEngineStatistics
{
    /// <summary>Of the code cache, the part for translated blocks; the rest is for what is compiled of them.</summary>
    private const double BlockShare = 0.6;

    private readonly MachineOptions options;
    private readonly ICompilerBackEnd? backEnd;
    private VcpuShared? shared;
    private Arm64Cluster? cluster;

    /// <summary>Creates the engine; its parts are made with the first vCPU, when memory is known.</summary>
    /// <param name="options">The machine's.</param>
    /// <param name="backEnd">What compiles; null for the one that makes IL.</param>
    public SoftwareEngine(MachineOptions options, ICompilerBackEnd? backEnd = null)
    {
        this.options = options;
        this.backEnd = backEnd;
        UsesCompiler = options.Engine != EngineKind.Interpreter;
    }

    /// <inheritdoc/>
    public string Name => UsesCompiler ? "jit" : "interpreter";

    /// <summary>Hot code is compiled.</summary>
    public bool UsesCompiler { get; }

    /// <inheritdoc/>
    public bool HasPmu => options.Cpu.Features.Has(A64Feature.PMUv3);

    /// <inheritdoc/>
    public IEngineStatistics Statistics => this;

    /// <inheritdoc/>
    public ulong BlocksTranslated => (ulong)(shared?.Code.BlocksTranslated ?? 0);

    /// <inheritdoc/>
    public IEnumerable<(string Name, double Value)> Counters
    {
        get
        {
            if (shared is null || cluster is null)
            {
                yield break;
            }

            var code = shared.Code;
            yield return ("instructions_translated", code.InstructionsTranslated);
            yield return ("micro_ops_per_instruction", code.InstructionsTranslated == 0 ? 0 : (double)code.MicroOpsTranslated / code.InstructionsTranslated);
            yield return ("invalidations", code.BlocksInvalidated);
            yield return ("blocks_revived", code.BlocksRevived);
            yield return ("pages_uncached", code.PagesUncached);
            yield return ("uncached_entries", code.UncachedEntries);
            yield return ("block_cache_bytes", code.BytesUsed);
            yield return ("block_cache_flushes", code.Flushes);
            var misses = cluster.Vcpus.Sum(v => (double)v.TlbMisses);
            var retired = cluster.Vcpus.Sum(v => (double)v.Retired);
            yield return ("tlb_misses", misses);
            yield return ("tlb_misses_per_thousand", retired == 0 ? 0 : Math.Round(misses / retired * 1000, 3));
            if (shared.Compiler is { } compiler)
            {
                yield return ("compiled_share", retired == 0 ? 0 : Math.Round(cluster.Vcpus.Sum(v => (double)v.CompiledRetired) / retired, 4));
                yield return ("compiled_entries", cluster.Vcpus.Sum(v => (double)v.CompiledEntries));
                var chained = cluster.Vcpus.Sum(v => (double)v.ChainHits);
                var exits = chained + cluster.Vcpus.Sum(v => (double)v.ChainMisses);
                yield return ("chain_hit_rate", exits == 0 ? 0 : Math.Round(chained / exits, 4));
                yield return ("returns_predicted", cluster.Vcpus.Sum(v => (double)v.ReturnHits));
                yield return ("quick_compiled", compiler.QuickCompiled);
                yield return ("quick_ms", Math.Round(compiler.QuickMilliseconds, 1));
                yield return ("regions_compiled", compiler.RegionsCompiled);
                yield return ("blocks_compiled", compiler.BlocksCompiled);
                yield return ("instructions_compiled", compiler.InstructionsCompiled);
                yield return ("compile_ms", Math.Round(compiler.CompileMilliseconds, 1));
                yield return ("regions_invalidated", compiler.RegionsInvalidated);
                yield return ("evictions", compiler.Evictions);
                yield return ("regions_evicted", compiler.RegionsEvicted);
                yield return ("compiled_bytes", compiler.Size);
            }
        }
    }

    /// <inheritdoc/>
    public IVcpu CreateVcpu(in VcpuConfiguration configuration)
    {
        if (cluster is null)
        {
            var blockLimit = (ulong)(options.CodeCacheBytes * (UsesCompiler ? BlockShare : 1));
            var compiler = UsesCompiler
                ? new JitCompiler(backEnd ?? new IlBackEnd { Floats = Arm64State.Floats }, (long)(options.CodeCacheBytes - blockLimit)) { Synchronous = options.CompileSynchronously, CompilesCuts = options.CompileCuts }
                : null;
            shared = new VcpuShared(configuration.Memory, blockLimit) { Compiler = compiler };
            compiler?.Start(shared.Code, options.CompileThreshold, options.BlockCompileThreshold);
            cluster = new Arm64Cluster(shared, options.Cpu.Features, parallel: options.Cpus.Boot > 1 && !options.Deterministic)
            {
                PointerAuthenticationAlgorithm = options.Cpu.PointerAuthentication,
            };
        }

        return cluster.Create(new Arm64VcpuConfiguration
        {
            Index = configuration.Index,
            Mpidr = configuration.Mpidr,
            Clock = configuration.Clock,
            Control = configuration.Control,
            SystemRegisterDevices = configuration.SystemRegisterDevices,
            ResetCpuInterface = configuration.ResetCpuInterface,
            SecureTimer = configuration.SecureTimer,
            PhysicalTimer = configuration.PhysicalTimer,
            VirtualTimer = configuration.VirtualTimer,
            HypervisorTimer = configuration.HypervisorTimer,
            Pmu = configuration.Pmu,
            Semihosting = configuration.Semihosting,
            RandomSeed = configuration.RandomSeed,
            Log = configuration.Log,
        });
    }

    /// <inheritdoc/>
    public void SetBootState(IVcpu vcpu, ulong entry, ulong argument) => ((Arm64Vcpu)vcpu).SetBootState(entry, argument);

    /// <inheritdoc/>
    public void Dispose() => cluster?.Dispose();
}
