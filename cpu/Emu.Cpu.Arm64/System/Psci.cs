// Firmware calls by HVC: PSCI 1.1 (Arm DEN 0022), SMCCC 1.1 (DEN 0028) and the TRNG interface 1.0 (DEN 0098).
using System.Security.Cryptography;
using Emu.Core;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Function identifiers; 64 marks the SMC64 form of a call that has both.</summary>
public enum FirmwareFunction : uint
{
    /// <summary>SMCCC_VERSION.</summary>
    SmcccVersion = 0x8000_0000,

    /// <summary>SMCCC_ARCH_FEATURES.</summary>
    SmcccArchFeatures = 0x8000_0001,

    /// <summary>PSCI_VERSION.</summary>
    PsciVersion = 0x8400_0000,

    /// <summary>CPU_SUSPEND.</summary>
    CpuSuspend = 0x8400_0001,

    /// <summary>CPU_OFF.</summary>
    CpuOff = 0x8400_0002,

    /// <summary>CPU_ON.</summary>
    CpuOn = 0x8400_0003,

    /// <summary>AFFINITY_INFO.</summary>
    AffinityInfo = 0x8400_0004,

    /// <summary>MIGRATE_INFO_TYPE.</summary>
    MigrateInfoType = 0x8400_0006,

    /// <summary>SYSTEM_OFF.</summary>
    SystemOff = 0x8400_0008,

    /// <summary>SYSTEM_RESET.</summary>
    SystemReset = 0x8400_0009,

    /// <summary>PSCI_FEATURES.</summary>
    PsciFeatures = 0x8400_000A,

    /// <summary>SYSTEM_RESET2.</summary>
    SystemReset2 = 0x8400_0012,

    /// <summary>TRNG_VERSION.</summary>
    TrngVersion = 0x8400_0050,

    /// <summary>TRNG_FEATURES.</summary>
    TrngFeatures = 0x8400_0051,

    /// <summary>TRNG_GET_UUID.</summary>
    TrngUuid = 0x8400_0052,

    /// <summary>TRNG_RND.</summary>
    TrngRnd = 0x8400_0053,

    /// <summary>CpuSuspend, SMC64.</summary>
    CpuSuspend64 = 0xC400_0001,

    /// <summary>CpuOn, SMC64.</summary>
    CpuOn64 = 0xC400_0003,

    /// <summary>AffinityInfo, SMC64.</summary>
    AffinityInfo64 = 0xC400_0004,

    /// <summary>SystemReset2, SMC64.</summary>
    SystemReset264 = 0xC400_0012,

    /// <summary>TrngRnd, SMC64.</summary>
    TrngRnd64 = 0xC400_0053,

    /// <summary>The bit that makes a call SMC64.</summary>
    Smc64 = 0x4000_0000,
}

/// <summary>What PSCI and TRNG calls return in X0.</summary>
internal enum FirmwareStatus
{
    Success = 0,
    NotSupported = -1,
    InvalidParameters = -2,
    Denied = -3,
    AlreadyOn = -4,
    OnPending = -5,
    InvalidAddress = -9,
}

public sealed unsafe partial class Arm64Vcpu
{
    private const ulong PsciVersion11 = 0x0001_0001;
    private const ulong SmcccVersion11 = 0x0001_0001;
    private const ulong TrngVersion10 = 0x0001_0000;

    /// <summary>MIGRATE_INFO_TYPE: no Trusted OS that would have to migrate.</summary>
    private const ulong NoTrustedOs = 2;

    /// <summary>CPU_SUSPEND power_state StateType: power-down; else standby. The other bits name the state: only 0 exists.</summary>
    private const ulong SuspendPowerDown = 1UL << 16;

    private const int TrngBits32 = 96;
    private const int TrngBits64 = 192;

    /// <summary>TRNG_GET_UUID: identifies this entropy source; the first word is not all-ones.</summary>
    private static readonly uint[] TrngIdentity = [0x3C4E_0BD2, 0x7A59_41E8, 0x9B1D_55C7, 0x60F2_A384];

    /// <summary>An HVC from EL1: the firmware call in X0. PC is at the next instruction.</summary>
    internal void FirmwareCall()
    {
        var id = (uint)X(0);
        var wide = (id & (uint)FirmwareFunction.Smc64) != 0;
        ulong Argument(int n) => wide ? X(n) : (uint)X(n);
        switch ((FirmwareFunction)id)
        {
            case FirmwareFunction.PsciVersion:
                X(0) = PsciVersion11;
                break;
            case FirmwareFunction.SmcccVersion:
                X(0) = SmcccVersion11;
                break;
            case FirmwareFunction.SmcccArchFeatures:
                Return((FirmwareFunction)(uint)X(1) is FirmwareFunction.SmcccVersion or FirmwareFunction.SmcccArchFeatures
                    ? FirmwareStatus.Success : FirmwareStatus.NotSupported);
                break;
            case FirmwareFunction.PsciFeatures:
                Return(IsPsciFunction((uint)X(1)) ? FirmwareStatus.Success : FirmwareStatus.NotSupported);
                break;
            case FirmwareFunction.CpuSuspend or FirmwareFunction.CpuSuspend64:
                CpuSuspend(Argument(1), Argument(2), Argument(3));
                break;
            case FirmwareFunction.CpuOff:
                CpuOff();
                break;
            case FirmwareFunction.CpuOn or FirmwareFunction.CpuOn64:
                CpuOn(Argument(1), Argument(2), Argument(3));
                break;
            case FirmwareFunction.AffinityInfo or FirmwareFunction.AffinityInfo64:
                AffinityInfo(Argument(1), Argument(2));
                break;
            case FirmwareFunction.MigrateInfoType:
                X(0) = NoTrustedOs;
                break;
            case FirmwareFunction.SystemOff:
                StopMachine(MachineStop.PowerOff);
                break;
            case FirmwareFunction.SystemReset:
                StopMachine(MachineStop.Reset);
                break;
            case FirmwareFunction.SystemReset2 or FirmwareFunction.SystemReset264:
                if ((uint)X(1) != 0)
                {
                    // Only SYSTEM_WARM_RESET is architectural; vendor resets (bit 31) do not exist here.
                    Return((uint)X(1) >> 31 != 0 ? FirmwareStatus.NotSupported : FirmwareStatus.InvalidParameters);
                    break;
                }

                StopMachine(MachineStop.Reset);
                break;
            case FirmwareFunction.TrngVersion:
                X(0) = TrngVersion10;
                break;
            case FirmwareFunction.TrngFeatures:
                Return(IsTrngFunction((uint)X(1)) ? FirmwareStatus.Success : FirmwareStatus.NotSupported);
                break;
            case FirmwareFunction.TrngUuid:
                for (var i = 0; i < TrngIdentity.Length; i++)
                {
                    X(i) = TrngIdentity[i];
                }

                break;
            case FirmwareFunction.TrngRnd:
                TrngRnd(X(1), TrngBits32, 32);
                break;
            case FirmwareFunction.TrngRnd64:
                TrngRnd(X(1), TrngBits64, 64);
                break;
            default:
                Return(FirmwareStatus.NotSupported);
                break;
        }
    }

    private void Return(FirmwareStatus status) => X(0) = (ulong)(long)status;

    private static bool IsPsciFunction(uint id) => (FirmwareFunction)id is FirmwareFunction.PsciVersion or FirmwareFunction.PsciFeatures
        or FirmwareFunction.CpuSuspend or FirmwareFunction.CpuSuspend64 or FirmwareFunction.CpuOff
        or FirmwareFunction.CpuOn or FirmwareFunction.CpuOn64
        or FirmwareFunction.AffinityInfo or FirmwareFunction.AffinityInfo64
        or FirmwareFunction.MigrateInfoType or FirmwareFunction.SystemOff or FirmwareFunction.SystemReset
        or FirmwareFunction.SystemReset2 or FirmwareFunction.SystemReset264 or FirmwareFunction.SmcccVersion;

    private static bool IsTrngFunction(uint id) => (FirmwareFunction)id is FirmwareFunction.TrngVersion or FirmwareFunction.TrngFeatures
        or FirmwareFunction.TrngUuid or FirmwareFunction.TrngRnd or FirmwareFunction.TrngRnd64;

    /// <summary>Asks for the stop and takes this vCPU out of execution: the call does not return.</summary>
    private void StopMachine(MachineStop reason)
    {
        StopExecuting();
        Configuration.Control.RequestStop(reason);
    }

    /// <summary>The machine is to stop at this instruction: nothing further is executed.</summary>
    internal void StopExecuting()
    {
        SetPowerState(PowerState.Off);
        PoweredOff = true;
    }

    private void CpuSuspend(ulong powerState, ulong entry, ulong context)
    {
        if ((powerState & ~SuspendPowerDown) != 0)
        {
            Return(FirmwareStatus.InvalidParameters);
            return;
        }

        if ((powerState & SuspendPowerDown) == 0)
        {
            Return(FirmwareStatus.Success);
        }
        else
        {
            if (!IsEntryPoint(entry))
            {
                Return(FirmwareStatus.InvalidAddress);
                return;
            }

            ResetCore();
            State->Pc = entry;
            X(0) = context;
        }

        State->Halted = 1;
    }

    private void CpuOff()
    {
        Configuration.ResetCpuInterface();
        ResetCore();
        SetPowerState(PowerState.Off);
        PoweredOff = true;
    }

    private void CpuOn(ulong target, ulong entry, ulong context)
    {
        var v = Cluster.FindByAffinity(target);
        if (v == null || (target & ~0xFF_00FF_FFFFUL) != 0)
        {
            Return(FirmwareStatus.InvalidParameters);
            return;
        }

        if (!IsEntryPoint(entry))
        {
            Return(FirmwareStatus.InvalidAddress);
            return;
        }

        lock (Cluster.PowerLock)
        {
            ref var r = ref v.a->System;
            switch ((PowerState)r.PowerState)
            {
                case PowerState.On:
                    Return(FirmwareStatus.AlreadyOn);
                    return;
                case PowerState.OnPending:
                    Return(FirmwareStatus.OnPending);
                    return;
            }

            r.PowerOnEntry = entry;
            r.PowerOnContext = context;
            r.PowerState = (ulong)PowerState.OnPending;
        }

        v.Request(VcpuRequest.Event);
        Return(FirmwareStatus.Success);
    }

    /// <summary>An entry point is a word-aligned address of RAM.</summary>
    private bool IsEntryPoint(ulong address) => (address & 3) == 0 && Memory.FindRam(address) != null;

    private void AffinityInfo(ulong target, ulong lowestLevel)
    {
        var v = Cluster.FindByAffinity(target);
        if (lowestLevel != 0 || v == null)
        {
            Return(FirmwareStatus.InvalidParameters);
            return;
        }

        lock (Cluster.PowerLock)
        {
            X(0) = v.a->System.PowerState;
        }
    }

    private void SetPowerState(PowerState state)
    {
        lock (Cluster.PowerLock)
        {
            a->System.PowerState = (ulong)state;
        }
    }

    /// <inheritdoc/>
    protected override bool CanPowerOn
    {
        get
        {
            lock (Cluster.PowerLock)
            {
                return a->System.PowerState == (ulong)PowerState.OnPending;
            }
        }
    }

    /// <inheritdoc/>
    protected override bool TryPowerOn()
    {
        lock (Cluster.PowerLock)
        {
            if (a->System.PowerState != (ulong)PowerState.OnPending)
            {
                return false;
            }

            ulong entry = a->System.PowerOnEntry, context = a->System.PowerOnContext;
            Configuration.ResetCpuInterface();
            ResetCore();
            SetBootState(entry, context);
            return true;
        }
    }

    /// <inheritdoc/>
    protected override void EventReceived() => a->System.EventRegister = 1;

    /// <summary>SEV: sets the event register of every vCPU.</summary>
    internal void SendEvent()
    {
        foreach (var v in Cluster.Vcpus)
        {
            Volatile.Write(ref v.a->System.EventRegister, 1);
        }
    }

    private void TrngRnd(ulong bits, int maximum, int registerBits)
    {
        if (bits == 0 || bits > (ulong)maximum)
        {
            Return(FirmwareStatus.InvalidParameters);
            X(1) = 0;
            X(2) = 0;
            X(3) = 0;
            return;
        }

        // The low bits are in the last register.
        var left = (int)bits;
        for (var register = 3; register >= 1; register--)
        {
            var take = Math.Min(left, registerBits);
            X(register) = take == 0 ? 0 : NextRandom() >> (64 - take);
            left -= take;
        }

        Return(FirmwareStatus.Success);
    }

    /// <summary>64 random bits: the host's, or the vCPU's own reproducible sequence.</summary>
    internal ulong NextRandom()
    {
        if (Configuration.RandomSeed == null)
        {
            ulong value = 0;
            RandomNumberGenerator.Fill(new Span<byte>(&value, sizeof(ulong)));
            return value;
        }

        // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
        var z = a->System.RandomState += 0x9E37_79B9_7F4A_7C15;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }
}
