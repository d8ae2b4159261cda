// The contract of a device whose registers are CPU system registers: the GICv3 CPU interface (ICC_*, ICH_*).
namespace Emu.Core;

/// <summary>
/// A device reached by A64 MRS/MSR. Registers are named by their 16-bit encoding
/// op0[15:14] op1[13:11] CRn[10:7] CRm[6:3] op2[2:0] (Arm ARM C5.1.2: the field order of the instruction, bits 20:5).
/// The CPU does the trapping and EL checks that belong to it (HCR_EL2, SCR_EL3, UNDEFINED at EL0) before it calls.
/// </summary>
public interface ISystemRegisterDevice
{
    /// <summary>The encodings this device owns.</summary>
    ReadOnlySpan<ushort> Registers { get; }

    /// <summary>Whether a register can be read, or written; an access that it has not is UNDEFINED.</summary>
    /// <param name="encoding">One of <see cref="Registers"/>.</param>
    /// <param name="write">The access is a write.</param>
    bool Permits(ushort encoding, bool write) => true;

    /// <summary>Reads a register on behalf of a vCPU.</summary>
    /// <param name="vcpu">Index of the vCPU.</param>
    /// <param name="encoding">One of <see cref="Registers"/>.</param>
    /// <param name="exceptionLevel">EL of the access, 1 to 3.</param>
    /// <param name="secure">Security state of the access.</param>
    ulong ReadSystemRegister(int vcpu, ushort encoding, int exceptionLevel, bool secure);

    /// <summary>Writes a register on behalf of a vCPU.</summary>
    void WriteSystemRegister(int vcpu, ushort encoding, int exceptionLevel, bool secure, ulong value);
}
