// What the A64 vCPUs of a machine know of each other: the list for PSCI, events and TLB maintenance, and the common features.
using Emu.Core;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>The vCPUs of one machine. They are all made before the first one runs.</summary>
public sealed class Arm64Cluster : IDisposable
{
    private readonly List<Arm64Vcpu> vcpus = [];

    /// <summary>Creates an empty cluster.</summary>
    /// <param name="shared">Memory, block cache and gate.</param>
    /// <param name="features">What the CPUs implement; the default is <see cref="A64Features.Implemented"/>.</param>
    /// <param name="parallel">Each vCPU runs on a thread of its own; false: they take turns on one (or there is only one).</param>
    public Arm64Cluster(VcpuShared shared, A64FeatureSet? features = null, bool parallel = false)
    {
        Shared = shared;
        Features = features ?? A64Features.Implemented;
        Parallel = parallel;
    }

    /// <summary>Memory, block cache and gate.</summary>
    public VcpuShared Shared { get; }

    /// <summary>What the CPUs implement.</summary>
    public A64FeatureSet Features { get; }

    /// <summary>How pointer authentication codes are computed; ID_AA64ISAR1_EL1 tells the guest.</summary>
    public PointerAuthenticationAlgorithm PointerAuthenticationAlgorithm { get; init; }

    /// <summary>vCPUs run on threads of their own.</summary>
    public bool Parallel { get; }

    /// <summary>The vCPUs by index.</summary>
    public IReadOnlyList<Arm64Vcpu> Vcpus => vcpus;

    /// <summary>Guards the PSCI power states.</summary>
    internal Lock PowerLock { get; } = new();

    /// <summary>Makes the next vCPU.</summary>
    public Arm64Vcpu Create(Arm64VcpuConfiguration configuration)
    {
        var vcpu = new Arm64Vcpu(this, configuration);
        vcpus.Add(vcpu);
        return vcpu;
    }

    /// <summary>The vCPU with an affinity (MPIDR_EL1 Aff fields), or null.</summary>
    public Arm64Vcpu? FindByAffinity(ulong mpidr)
    {
        const ulong AffinityMask = 0xFF_00FF_FFFF;
        foreach (var v in vcpus)
        {
            if (((v.Configuration.Mpidr ^ mpidr) & AffinityMask) == 0)
            {
                return v;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // It asks vCPUs to leave code that it takes away, to its last moment.
        Shared.Compiler?.Dispose();
        foreach (var v in vcpus)
        {
            v.Dispose();
        }

        Shared.Dispose();
    }
}
