// What a GIC needs to have an ITS.
using Emu.Core;

namespace Emu.Devices.Irq;

/// <summary>An ITS beside the GIC.</summary>
/// <param name="Memory">Guest memory, which holds the ITS's and the redistributors' tables.</param>
/// <param name="Base">Guest-physical address the frames are mapped at; MSIs go to GITS_TRANSLATER, 0x1_0040 above.</param>
public sealed record ItsOptions(PhysicalAddressSpace Memory, ulong Base);
