// The GIC's distributor: its register frame, and where each SPI is routed.
using Emu.Core;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    // GICD/GICR PIDR4-7, PIDR0-3, CIDR0-3 at 0xFFD0: Arm's JEP106 code, PIDR2.ArchRev = 3 (GICv3). PIDR0 differs by frame.
    private const uint IdentificationStart = 0xFFD0;
    private const uint IdentificationEnd = 0x1_0000;
    private const int Pidr0Index = 4;
    private const byte DistributorPart = 0x92;
    private const byte RedistributorPart = 0x93;

    private static ReadOnlySpan<byte> Identification => [0x44, 0, 0, 0, 0, 0xB4, 0x3B, 0, 0x0D, 0xF0, 0x05, 0xB1];

    private static uint ReadIdentification(uint offset, byte part)
    {
        var i = (int)(offset - IdentificationStart) / 4;
        return i == Pidr0Index ? part : Identification[i];
    }

    private ulong ReadDistributor(ulong offset64, int size)
    {
        // The frame is 64 KiB: what does not fit cannot be a register.
        var offset = (uint)Math.Min(offset64, IdentificationEnd);
        switch (size)
        {
            case 1 when offset is >= BankRegister.IPRIORITYR and < BankRegister.IPRIORITYR_End:
                return FindSpiBank(offset - BankRegister.IPRIORITYR) is { } bytes ? bytes.ReadPriority((int)(offset & 31), 1) : 0;
            case 8 when offset is >= Gicd.IROUTER and < Gicd.IROUTER_End && (offset & 7) == 0:
                return TryGetSpi((offset - Gicd.IROUTER) / 8, out var spi) ? routes[spi] : 0;
            case 4 when (offset & 3) == 0:
                return ReadDistributorWord(offset);
            default:
                Reserved("GICD", write: false, offset64, size);
                return 0;
        }
    }

    private void WriteDistributor(ulong offset64, int size, ulong value)
    {
        var offset = (uint)Math.Min(offset64, IdentificationEnd);
        switch (size)
        {
            case 1 when offset is >= BankRegister.IPRIORITYR and < BankRegister.IPRIORITYR_End:
                if (FindSpiBank(offset - BankRegister.IPRIORITYR) is { } bytes)
                {
                    BankChanged(bytes, bytes.WritePriority((int)(offset & 31), 1, (uint)value));
                }

                break;
            case 8 when offset is >= Gicd.IROUTER and < Gicd.IROUTER_End && (offset & 7) == 0:
                if (TryGetSpi((offset - Gicd.IROUTER) / 8, out var spi))
                {
                    WriteRoute(spi, value);
                }

                break;
            case 4 when (offset & 3) == 0:
                WriteDistributorWord(offset, (uint)value);
                break;
            default:
                Reserved("GICD", write: true, offset64, size);
                break;
        }
    }

    private uint ReadDistributorWord(uint offset)
    {
        switch (offset)
        {
            case Gicd.CTLR:
                return distributorEnables | Gicd.CTLR_ARE | Gicd.CTLR_DS;
            case Gicd.TYPER:
                // ITLinesNumber: INTIDs 0 to 32*(N+1)-1. No ESPI, MBIS or second Security state; 1 of N is supported (No1N = 0).
                return (uint)spis.Length | (its is null ? Gicd.TYPER_IDbits : Gicd.TYPER_IDbitsLpi | Gicd.TYPER_LPIS) | Gicd.TYPER_A3V | Gicd.TYPER_RSS;
            case Gicd.IIDR:
                return Gicd.IIDR_Value;
            case Gicd.TYPER2:
                return 0;
            case >= BankRegister.IGROUPR and < BankRegister.IPRIORITYR:
                return FindSpiBank((offset & 0x7F) * 8) is { } bits ? bits.Read(offset & ~0x7Fu) : 0;
            case >= BankRegister.IPRIORITYR and < BankRegister.IPRIORITYR_End:
                return FindSpiBank(offset - BankRegister.IPRIORITYR) is { } priorities ? priorities.ReadPriority((int)(offset & 31), 4) : 0;
            case >= BankRegister.ICFGR and < BankRegister.ICFGR_End:
                return FindSpiBank((offset - BankRegister.ICFGR) * 4) is { } configured ? configured.ReadConfiguration((int)(offset >> 2 & 1)) : 0;
            case >= Gicd.IROUTER and < Gicd.IROUTER_End:
                return TryGetSpi((offset - Gicd.IROUTER) / 8, out var spi) ? (uint)(routes[spi] >> (int)((offset & 4) * 8)) : 0;
            case >= IdentificationStart and < IdentificationEnd:
                return ReadIdentification(offset, DistributorPart);
            default:
                Reserved("GICD", write: false, offset, 4);
                return 0;
        }
    }

    private void WriteDistributorWord(uint offset, uint value)
    {
        switch (offset)
        {
            case Gicd.CTLR:
                distributorEnables = value & (Gicd.CTLR_EnableGrp0 | Gicd.CTLR_EnableGrp1);
                foreach (var c in vcpus)
                {
                    Refresh(c);
                }

                break;
            case >= BankRegister.IGROUPR and < BankRegister.IPRIORITYR:
                if (FindSpiBank((offset & 0x7F) * 8) is { } bits)
                {
                    var changed = bits.Write(offset & ~0x7Fu, value);
                    BankChanged(bits, changed);
                    if (changed != 0 && (offset & ~0x7Fu) == BankRegister.IGROUPR)
                    {
                        RetargetOneOfN();
                    }
                }

                break;
            case >= BankRegister.IPRIORITYR and < BankRegister.IPRIORITYR_End:
                if (FindSpiBank(offset - BankRegister.IPRIORITYR) is { } priorities)
                {
                    BankChanged(priorities, priorities.WritePriority((int)(offset & 31), 4, value));
                }

                break;
            case >= BankRegister.ICFGR and < BankRegister.ICFGR_End:
                if (FindSpiBank((offset - BankRegister.ICFGR) * 4) is { } configured)
                {
                    BankChanged(configured, configured.WriteConfiguration((int)(offset >> 2 & 1), value));
                }

                break;
            case >= Gicd.IROUTER and < Gicd.IROUTER_End:
                if (TryGetSpi((offset - Gicd.IROUTER) / 8, out var spi))
                {
                    var shift = (int)((offset & 4) * 8);
                    WriteRoute(spi, (routes[spi] & ~(0xFFFF_FFFFUL << shift)) | ((ulong)value << shift));
                }

                break;
            default:
                Reserved("GICD", write: true, offset, 4);
                break;
        }
    }

    /// <summary>The bank of an SPI, or null: with affinity routing the distributor's copies for INTIDs 0 to 31 are RES0.</summary>
    private InterruptBank? FindSpiBank(uint intid) => TryGetSpi(intid, out var spi) ? spis[spi >> 5] : null;

    private bool TryGetSpi(uint intid, out int spi)
    {
        spi = (int)intid - FirstSpi;
        return (uint)spi < (uint)routes.Length;
    }

    private void WriteRoute(int spi, ulong value)
    {
        oneOfNCount -= (routes[spi] & Gicd.IROUTER_IRM) != 0 ? 1 : 0;
        routes[spi] = value & (Gicd.IROUTER_Affinity | Gicd.IROUTER_IRM);
        oneOfNCount += (routes[spi] & Gicd.IROUTER_IRM) != 0 ? 1 : 0;
        Retarget(spi);
    }

    /// <summary>
    /// The vCPU an SPI goes to, or null. 1 of N picks the lowest-numbered vCPU that takes part (IHI 0069, Enabling the distribution of interrupts: awake, and the
    /// interrupt's group enabled): a choice that depends on nothing but guest-visible state.
    /// </summary>
    private GicVcpu? ResolveRoute(int spi)
    {
        var route = routes[spi];
        if ((route & Gicd.IROUTER_IRM) == 0)
        {
            return byAffinity.TryGetValue(route & Gicd.IROUTER_Affinity, out var target) ? target : null;
        }

        var group = 1u << (int)(spis[spi >> 5].Group >> (spi & 31) & 1);
        foreach (var c in vcpus)
        {
            if (!c.Asleep && (c.GroupEnables & group) != 0)
            {
                return c;
            }
        }

        return null;
    }

    private void Retarget(int spi)
    {
        var old = targets[spi];
        var target = ResolveRoute(spi);
        if (old == target)
        {
            return;
        }

        var mask = 1u << (spi & 31);
        targets[spi] = target;
        if (old != null)
        {
            old.Routed[spi >> 5] &= ~mask;
            Refresh(old);
        }

        if (target != null)
        {
            target.Routed[spi >> 5] |= mask;
            Refresh(target);
        }
    }

    /// <summary>Chooses again for every 1 of N SPI, after a vCPU began or ceased to take part.</summary>
    private void RetargetOneOfN()
    {
        if (oneOfNCount == 0)
        {
            return;
        }

        for (var spi = 0; spi < routes.Length; spi++)
        {
            if ((routes[spi] & Gicd.IROUTER_IRM) != 0)
            {
                Retarget(spi);
            }
        }
    }

    private sealed class DistributorWindow(Gic gic) : IMmioDevice
    {
        public ulong Read(ulong offset, int size)
        {
            lock (gic.gate)
            {
                return gic.ReadDistributor(offset, size);
            }
        }

        public void Write(ulong offset, int size, ulong value)
        {
            lock (gic.gate)
            {
                gic.WriteDistributor(offset, size, value);
            }
        }
    }
}
