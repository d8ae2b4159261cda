// What a guest ISA's page-table walk answers.
namespace Emu.Cpu.Mmu;

/// <summary>What an access wants to do.</summary>
public enum AccessKind
{
    /// <summary>Data read.</summary>
    Read = 0,

    /// <summary>Data write (and read-modify-write).</summary>
    Write = 1,

    /// <summary>Instruction fetch.</summary>
    Execute = 2,
}

/// <summary>A successful translation of the 4 KiB page around a virtual address.</summary>
public struct Translation
{
    /// <summary>Guest-physical address of the 4 KiB page.</summary>
    public ulong PhysicalPage;

    /// <summary>Reads are permitted now at the privilege asked for.</summary>
    public bool Readable;

    /// <summary>Writes are permitted now, with no further table update needed (hardware dirty state).</summary>
    public bool Writable;

    /// <summary>Bytes that the translation came for, when they are more than a page (<see cref="TlbInfo.Large"/>); 0 when that is not known.</summary>
    public ulong LargeSize;

    /// <summary>Properties that go into the TLB entry (device, alignment, nG, large, user-accessible); Ram is added by the filler.</summary>
    public TlbInfo Info;
}
